package oauth

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"
)

func s256(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func TestTicketCheck(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	here, there := ValidOrigin{"https://app.example"}, ValidOrigin{"https://evil.example"}
	verifier := strings.Repeat("v", 43)
	ticket := Ticket{ClientID: "app", Origin: here.String(), Challenge: s256(verifier), Issued: now}
	bare := ticket
	bare.Challenge = ""
	for name, c := range map[string]struct {
		ticket   Ticket
		client   string
		origin   ValidOrigin
		verifier string
		at       time.Time
		want     Code
	}{
		"its own":                 {ticket, "app", here, verifier, now, ""},
		"at its last moment":      {ticket, "app", here, verifier, now.Add(TicketLifetime), ""},
		"after that":              {ticket, "app", here, verifier, now.Add(TicketLifetime + 1), InteractionRequired},
		"of a node far ahead":     {ticket, "app", here, verifier, now.Add(-TicketLifetime - 1), InteractionRequired},
		"another client":          {ticket, "other", here, verifier, now, InvalidRequest},
		"another origin":          {ticket, "app", there, verifier, now, InvalidRequest},
		"no origin":               {ticket, "app", ValidOrigin{}, verifier, now, InvalidRequest},
		"another verifier":        {ticket, "app", here, strings.Repeat("w", 43), now, InvalidRequest},
		"no verifier":             {ticket, "app", here, "", now, InvalidRequest},
		"the challenge for it":    {ticket, "app", here, s256(verifier), now, InvalidRequest},
		"a short verifier":        {Ticket{ClientID: "app", Origin: here.String(), Challenge: s256("v"), Issued: now}, "app", here, "v", now, InvalidRequest},
		"bound to nothing":        {bare, "app", here, verifier, now, InvalidRequest},
		"bound to nothing, empty": {bare, "app", here, "", now, InvalidRequest},
		"an empty ticket":         {Ticket{}, "", ValidOrigin{}, "", time.Time{}, InvalidRequest},
		"old and of another":      {ticket, "other", here, verifier, now.Add(time.Hour), InvalidRequest},
	} {
		err := c.ticket.Check(c.client, c.origin, c.verifier, c.at)
		if got := codeOf(err); got != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func codeOf(err *Error) Code {
	if err == nil {
		return ""
	}
	return err.Code
}

func TestParseTicketChallenge(t *testing.T) {
	good := s256("v")
	for raw, want := range map[string]string{
		"": "", "ticket_challenge=": "", "ticket_challenge=" + good: good,
		"ticket_challenge=x": "!", "ticket_challenge=" + good + "A": "!", "ticket_challenge=" + good[1:] + "%3D": "!", "ticket_challenge=" + good[1:] + "~": "!",
		"ticket_challenge=" + good + "&ticket_challenge=" + good: "!", "ticket_challenge=" + strings.Repeat("A", 100_000): "!",
	} {
		q, _ := url.ParseQuery(raw)
		got, err := ParseTicketChallenge(q)
		if (err != nil) != (want == "!") || err == nil && got != want || err != nil && err.Code != InvalidRequest {
			t.Errorf("%.60q: %q, %v", raw, got, err)
		}
	}
}

func TestParseTicket(t *testing.T) {
	for raw, good := range map[string]bool{
		"": true, "ticket=t&verifier=v": true, "ticket=t": true, "ticket=t&ticket=u&verifier=v": false, "ticket=t&verifier=v&verifier=v": false,
		"ticket=" + strings.Repeat("t", maxParameter+1): false, "verifier=" + strings.Repeat("t", maxParameter+1): false,
	} {
		form, _ := url.ParseQuery(raw)
		ticket, verifier, err := ParseTicket(form)
		if (err == nil) != good || good && (ticket != form.Get("ticket") || verifier != form.Get("verifier")) {
			t.Errorf("%.60q: %q, %q, %v", raw, ticket, verifier, err)
		}
	}
}

func TestWithTicketTakesTheFragmentsPlace(t *testing.T) {
	for address, want := range map[string]string{
		"https://app.example":          "https://app.example#usher_ticket=t",
		"https://app.example/p?q=1":    "https://app.example/p?q=1#usher_ticket=t",
		"https://app.example/#/a#b":    "https://app.example/#usher_ticket=t",
		"https://app.example/?a#x=1&y": "https://app.example/?a#usher_ticket=t",
	} {
		if got := (ValidRedirect{address}).WithTicket("t").String(); got != want {
			t.Errorf("%s: %s", address, got)
		}
	}
	if got := (ValidRedirect{"https://app.example/"}).WithTicket("a&b=c#d").String(); got != "https://app.example/#usher_ticket=a%26b%3Dc%23d" {
		t.Errorf("not escaped: %s", got)
	}
}

func TestOnlyAPageOfTheOriginSentTheBrowserHere(t *testing.T) {
	app := ValidOrigin{"https://app.example"}
	for referer, want := range map[string]bool{
		"https://app.example/": true, "https://app.example": true, "https://app.example/deep/page?q=1": true,
		"": false, "https://evil.example/": false, "http://app.example/": false, "https://app.example:8443/": false, "https://app.example.evil.example/": false,
		"https://app.example@evil.example/": false, "https://evil.example/https://app.example/": false, "about:client": false, "null": false,
		"https://app.example\\@evil.example/": false, " https://app.example/": false,
	} {
		if got := app.Sent(referer); got != want {
			t.Errorf("%q: %v", referer, got)
		}
	}
	if (ValidOrigin{}).Sent("") || (ValidOrigin{}).Sent("https://app.example/") {
		t.Error("no origin sent the browser here, and is believed to")
	}
}

func FuzzTicket(f *testing.F) {
	good := s256(strings.Repeat("v", 43))
	f.Add("ticket_challenge=" + good + "&ticket=t&verifier=" + strings.Repeat("v", 43))
	f.Add("ticket_challenge=" + good + "&ticket_challenge=")
	f.Add("ticket=%00&verifier=%ff&ticket_challenge=%2B")
	f.Fuzz(func(t *testing.T, raw string) {
		q, _ := url.ParseQuery(raw)
		challenge, err := ParseTicketChallenge(q)
		switch {
		case err != nil && err.Code != InvalidRequest, err == nil && challenge != "" && !isSHA256(challenge):
			t.Errorf("%q: challenge %q, %v", raw, challenge, err)
		case err == nil && challenge != url.QueryEscape(challenge):
			t.Errorf("the challenge %q is not safe in an address", challenge)
		}
		ticket, verifier, err := ParseTicket(q)
		if err != nil {
			return
		}
		if len(q["ticket"]) > 1 || len(q["verifier"]) > 1 || len(ticket) > maxParameter || len(verifier) > maxParameter {
			t.Errorf("%q: ticket %q, verifier %q", raw, ticket, verifier)
		}
		back := ValidRedirect{"https://app.example/"}.WithTicket(ticket).String()
		u, failed := url.Parse(back)
		if failed != nil || u.Host != "app.example" || u.RawQuery != "" || strings.Count(back, "#") != 1 {
			t.Errorf("the ticket %q leads to %q", ticket, back)
		}
		here := ValidOrigin{"https://app.example"}
		held := Ticket{ClientID: "app", Origin: here.String(), Challenge: good}
		if held.Check("app", here, verifier, time.Time{}) == nil && verifier != strings.Repeat("v", 43) {
			t.Errorf("the verifier %q is another's", verifier)
		}
	})
}
