package server

import (
	"context"
	"regexp"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

// renewalWorld is a page that signed in where no cookie reaches the frame, with its handle for the key "dpop".
func renewalWorld(t *testing.T) (w *world, handle string, first page) {
	w = newWorld(t)
	first = w.blocked().signIn("client_id", "app", "scope", "openid", "dpop_jkt", jktOf(t, "dpop"))
	return w, first.handle(), first
}

var handlePattern = regexp.MustCompile(`;var handle="([\w-]+)";addEventListener`)

// handle is the renewal handle that the page keeps for the port of who gets its message, which only says that there is one.
func (p page) handle() string {
	p.t.Helper()
	_, m := p.message()
	found := handlePattern.FindStringSubmatch(p.body)
	if found == nil || m["renewal_offered"] != true || m["renewal_handle"] != nil {
		p.t.Fatalf("there is no handle, or it is in the message: %v", m)
	}
	return found[1]
}

// renewWith asks with a proof by the key; further pairs go into the form.
func (w *world) renewWith(handle, kid, origin string, pairs ...string) page {
	claims := claimsWith(w.proofClaims(w.url+renewalPath), "nonce", w.nonce())
	f := form(append([]string{"client_id", "app", "for_origin", origin, "prompt", "none", "renewal_handle", handle}, pairs...)...)
	return w.call("POST", renewalPath, f, "DPoP", proof(w.t, kid, claims), "Origin", origin)
}

func TestRenewalWithoutAnyCookie(t *testing.T) {
	w, handle, _ := renewalWorld(t)
	before := w.stats()
	for range 3 {
		p := w.renewWith(handle, "dpop", appOrigin, "scope", "openid", "nonce", "n-3")
		p.wantStatus(200)
		if got := p.header.Get("Access-Control-Allow-Origin"); got != appOrigin || p.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("CORS headers %v", p.header)
		}
		if m := p.object(); m["status"] != "success" || m["sub"] != w.alice.ID.String() || m["id_token"] == nil || m["renewal_handle"] == nil {
			t.Errorf("answer %v", m)
		}
	}
	after := w.stats()
	if reads, writes := after.Reads-before.Reads, after.Writes-before.Writes; reads != 3 || writes != 0 {
		t.Errorf("3 renewals by handle: %d queries, %d writes", reads, writes)
	}
	w.wantActive(w.renewWith(handle, "dpop", appOrigin).object()["access_token"].(string), true)
}

func TestNoHandleUnlessAKeyIsNamed(t *testing.T) {
	w := newWorld(t)
	_, m := w.browser().signIn("client_id", "app").message()
	if _, there := m["renewal_offered"]; there {
		t.Errorf("an app that names no key gets a handle: %v", m)
	}
	w.browser().frame(assisted("client_id", "app", "prompt", "none", "dpop_jkt", "x")).wantError(oauth.InvalidRequest)
}

// A handle that was copied is worth nothing without the key, at another origin, or for another client.
func TestACopiedRenewalHandleIsWorthNothing(t *testing.T) {
	w, handle, first := renewalWorld(t)
	w.renewWith(handle, "other", appOrigin).wantCode(400, oauth.InvalidGrant)
	w.renewWith(handle, "dpop", evilOrigin).wantCode(400, oauth.InvalidRequest)
	w.renewWith(first.token(), "dpop", appOrigin).wantCode(400, oauth.InvalidGrant)
	w.renewWith("", "dpop", appOrigin).wantCode(400, oauth.InvalidRequest)
	w.renewWith(handle+"A", "dpop", appOrigin).wantCode(400, oauth.InvalidGrant)

	f := form("client_id", "app", "for_origin", appOrigin, "renewal_handle", handle)
	w.call("POST", renewalPath, f, "Origin", appOrigin).wantCode(400, oauth.UseDPoPNonce)
	claims := w.proofClaims(w.url + renewalPath)
	w.call("POST", renewalPath, f, "Origin", appOrigin, "DPoP", proof(t, "dpop", claims)).wantCode(400, oauth.UseDPoPNonce)
	claims = claimsWith(claims, "nonce", w.nonce())
	w.call("POST", renewalPath, f, "Origin", evilOrigin, "DPoP", proof(t, "dpop", claims)).wantCode(400, oauth.InvalidRequest)
	w.call("POST", renewalPath, f, "DPoP", proof(t, "dpop", claims)).wantCode(400, oauth.InvalidRequest)
	w.call("POST", renewalPath, f, "Origin", appOrigin, "DPoP", proof(t, "dpop", claims)).wantStatus(200)
	w.clock.pass(renewalNonceLife)
	claims["iat"] = w.clock.Now().Unix()
	w.call("POST", renewalPath, f, "Origin", appOrigin, "DPoP", proof(t, "dpop", claims)).wantCode(400, oauth.UseDPoPNonce)
}

func TestRenewalAsksWhatAHiddenFrameAsks(t *testing.T) {
	w, handle, _ := renewalWorld(t)
	w.renewWith(handle, "dpop", appOrigin, "scope", "no-such").wantCode(400, oauth.InvalidScope)
	w.clock.pass(61 * time.Second)
	w.renewWith(handle, "dpop", appOrigin, "scope", "openid payment").wantCode(400, oauth.InteractionRequired)
	w.renewWith(handle, "dpop", appOrigin, "max_age", "10").wantCode(400, oauth.InteractionRequired)
	w.renewWith(handle, "dpop", appOrigin, "scope", "openid").wantStatus(200)
}

func TestARenewalHandleEndsWithItsSession(t *testing.T) {
	w, handle, first := renewalWorld(t)
	w.blocked().submit(logoutPath, form("confirm", "yes", "client_id", "app", "for_origin", appOrigin, "access_token", first.token()))
	w.renewWith(handle, "dpop", appOrigin).wantCode(400, oauth.InteractionRequired)

	w, handle, _ = renewalWorld(t)
	w.must(w.store.SetLocked(context.Background(), w.alice.ID, 0, true, noAudit))
	w.renewWith(handle, "dpop", appOrigin).wantCode(400, oauth.InteractionRequired)

	w, handle, _ = renewalWorld(t)
	w.change("app", func(c *oauth.Client) { c.Capabilities = []oauth.Capability{oauth.CapDevice} })
	w.renewWith(handle, "dpop", appOrigin).wantCode(400, oauth.UnauthorizedClient)
}
