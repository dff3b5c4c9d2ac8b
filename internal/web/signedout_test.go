package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/web"
)

// signedOut is the page after a sign-out that two clients hear of by their frames.
func signedOut(t *testing.T) web.SignedOut {
	t.Helper()
	v := web.SignedOut{Client: "An app"}
	for _, uri := range []string{"https://b.example/out", "http://localhost:8080/out?x=1&y=2", "https://b.example/other"} {
		c := &oauth.Client{
			ClientLogout:           oauth.ClientLogout{FrontChannelLogoutURI: uri},
			ClientRequests:         oauth.ClientRequests{InitiateLoginURI: "https://b.example/start"},
			PostLogoutRedirectURIs: []string{"com.example.app:/bye"},
		}
		frame, ok := c.LogoutFrame("https://id.example/as", "S")
		if !ok {
			t.Fatal("the test's frame is not valid")
		}
		v.Frames = append(v.Frames, frame)
		v.Again, _ = c.InitiateLogin("https://id.example/as", "")
		v.Next, _ = c.PostLogoutRedirect("com.example.app:/bye", "s")
	}
	return v
}

func TestSignedOutFramesItsClientsAlone(t *testing.T) {
	log, _ := logger()
	w := record(func(w http.ResponseWriter) { web.WritePage(w, log, 200, oauth.ValidOrigin{}, signedOut(t)) })
	csp := w.Result().Header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "; frame-src http://localhost:8080 https://b.example; frame-ancestors 'none'") {
		t.Errorf("CSP %q", csp)
	}
	headers(t, w.Result().Header, map[string]string{"Cache-Control": "no-store", "X-Frame-Options": "DENY"})
	for _, want := range []string{
		`<iframe src="https://b.example/out?iss=https%3A%2F%2Fid.example%2Fas&amp;sid=S"`,
		`<iframe src="http://localhost:8080/out?x=1&amp;y=2&amp;iss=https%3A%2F%2Fid.example%2Fas&amp;sid=S"`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in\n%s", want, w.Body)
		}
	}
	alone := record(func(w http.ResponseWriter) { web.WritePage(w, log, 200, oauth.ValidOrigin{}, web.SignedOut{}) })
	if csp := alone.Result().Header.Get("Content-Security-Policy"); strings.Contains(csp, "frame-src") {
		t.Errorf("without frames: CSP %q", csp)
	}
}

// Where no script runs, a link goes on.
func TestSignedOutLinksToWhatIsNext(t *testing.T) {
	v := signedOut(t)
	v.Frames = nil
	page, _ := render(t, v)
	if !strings.Contains(page, `id="next" href="com.example.app:/bye?state=s"`) || strings.Contains(page, "Sign in again") {
		t.Errorf("no way on in\n%s", page)
	}
	v.Next = oauth.ValidRedirect{}
	page, _ = render(t, v)
	if strings.Contains(page, `id="next"`) || !strings.Contains(page, `href="https://b.example/start?iss=https%3A%2F%2Fid.example%2Fas">Sign in again to <bdi>An app</bdi>`) {
		t.Errorf("no way to sign in again in\n%s", page)
	}
}

// Only the page that an app's library waits for tells anybody.
func TestSignedOutTells(t *testing.T) {
	for want, v := range map[bool]web.SignedOut{true: {Tells: true}, false: {}} {
		if page, _ := render(t, v); strings.Contains(page, ` data-tells="yes"`) != want {
			t.Errorf("tells is not %t:\n%s", want, page)
		}
	}
}
