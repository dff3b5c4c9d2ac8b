package interop_test

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
)

// visitor is the user with a browser of their own, which knows cookies, redirects and forms and no script.
type visitor struct {
	http *http.Client
	base string
}

func (w *world) newVisitor() *visitor {
	c := w.newHTTP()
	c.Jar, _ = cookiejar.New(nil) // fails for bad options alone
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &visitor{c, w.base}
}

// journey is where a visit ended: at an address away from the server, or on a page of it.
type journey struct {
	Location string `json:"location,omitempty"`
	Title    string `json:"title,omitempty"`
}

// maxSteps is more than any sign-in takes; more than that is a loop.
const maxSteps = 10

// visit opens an address of the server and does what its pages ask: signs in, agrees, types the code that is there.
func (v *visitor) visit(ctx context.Context, address string) (journey, error) {
	request, err := http.NewRequestWithContext(ctx, "GET", address, nil)
	for range maxSteps {
		if err != nil {
			return journey{}, err
		}
		var body string
		var location *url.URL
		if body, location, err = v.load(request); err != nil {
			return journey{}, err
		}
		switch {
		case location == nil:
			if request, err = v.fill(ctx, body); request == nil && err == nil {
				return journey{Title: find(`<h1>(.*?)</h1>`, body)}, nil
			}
		case location.Scheme+"://"+location.Host != v.base:
			return journey{Location: location.String()}, nil
		default:
			request, err = http.NewRequestWithContext(ctx, "GET", location.String(), nil)
		}
	}
	return journey{}, fmt.Errorf("no end after %d steps from %s", maxSteps, address)
}

// load sends what a browser would, and reads the page, or where it redirects to.
func (v *visitor) load(r *http.Request) (body string, location *url.URL, err error) {
	r.Header.Set("Sec-Fetch-Dest", "document")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	if r.Method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", v.base)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	answer, err := v.http.Do(r)
	if err != nil {
		return "", nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if location, lerr := answer.Location(); lerr == nil {
		return "", location, nil
	}
	if answer.StatusCode != http.StatusOK {
		return "", nil, errors.Join(err, fmt.Errorf("%s answered %s: %s", r.URL, answer.Status, text))
	}
	return string(text), nil, err
}

// fill makes the request of a page's first form; nil where the page asks for nothing.
func (v *visitor) fill(ctx context.Context, body string) (*http.Request, error) {
	form := find(`(?s)<form method="post" (.*?)</form>`, body)
	page := find(`<main data-page="([^"]*)"`, body)
	typed, known := map[string]url.Values{
		"signin":         {"username": {username}, "password": {password}},
		"consent":        {"decision": {"allow"}},
		"device":         {"user_code": {find(`name="user_code" value="([^"]*)"`, form)}},
		"device-consent": {"decision": {"allow"}},
		"account":        {"decision": {"this"}},
		"logout":         {},
	}[page]
	if !known {
		return nil, nil
	}
	if strings.Contains(body, `role="alert"`) {
		return nil, fmt.Errorf("the page %s complains: %s", page, find(`role="alert"[^>]*>(.*?)<`, body))
	}
	for _, field := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(form, -1) {
		typed.Set(html.UnescapeString(field[1]), html.UnescapeString(field[2]))
	}
	return http.NewRequestWithContext(ctx, "POST", v.base+find(`action="([^"]*)"`, form), strings.NewReader(typed.Encode()))
}

// find is what the expression's group matches; empty where nothing does.
func find(expression, text string) string {
	m := regexp.MustCompile(expression).FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}
