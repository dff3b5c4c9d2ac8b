package web

import (
	"encoding/json"
	"net/http"

	"github.com/usher-id/usher/internal/oauth"
)

// The page that answers an app, written by hand because every silent renewal ends in it: its script posts
// one object to the page that framed or opened it, at one exact origin. encoding/json escapes what could
// end the script element.
const (
	messageHead = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\">" +
		"<title>Answer</title></head><body hidden><p>There is no app here to answer. You can close this page.</p>\n<script nonce=\""
	messageScript = "\">\n(function(){var to="
	messageObject = ",message="
	// An ancestor list, where the browser tells it, has to begin with the very origin that is answered.
	messageTail = ";var t=window.parent!==window?window.parent:window.opener,a=location.ancestorOrigins;" +
		"if(!t){document.body.hidden=false;return}if(t===window.parent&&a&&a[0]!==to)return;" +
		"t.postMessage(message,to)})();\n</script></body></html>\n"
	messageHandle = ";var handle=\""
	messagePort   = "\";addEventListener('message',function(e){" +
		"if(e.source===t&&e.origin===to&&e.data&&e.data.type==='renewal'&&e.ports[0])e.ports[0].postMessage(handle)})"
	// messageReason finds out what only a frame's script can: whether the frame keeps a cookie, plain or partitioned. A
	// browser that says nothing of storage access and keeps the plain one lets the first-party ones through.
	messageReason = ";var keeps=function(name,more){var c='__Host-usher-'+name+'=1;Path=/;Secure;SameSite=None'+more;document.cookie=c;" +
		"var kept=document.cookie.indexOf(name+'=1')>=0;document.cookie=c+';Max-Age=0';return kept},plain=keeps('plain','');" +
		"if(message.reason!=='not_signed_in'){if(!plain&&!keeps('parted',';Partitioned'))message.reason='cookies_blocked';" +
		"else if(message.reason==='unknown')message.reason=plain?'not_signed_in':'needs_click'}"
)

// WriteMessage answers with the page that posts message to the origin, which is also the only one that may
// frame it.
func WriteMessage(w http.ResponseWriter, to oauth.ValidOrigin, message any) {
	writeMessage(w, to, message, "")
}

// WriteTokens is WriteMessage for tokens. The renewal handle is not in the message, but goes to the port that the page which got
// the message sends after it: to the library, and to nobody who only listens.
func WriteTokens(w http.ResponseWriter, to oauth.ValidOrigin, tokens oauth.AssistedSuccess) {
	handle := tokens.RenewalHandle
	tokens.RenewalHandle, tokens.RenewalOffered = "", handle != ""
	script := ""
	if handle != "" {
		script = messageHandle + handle + messagePort // a sealed value needs no escaping
	}
	writeMessage(w, to, tokens, script)
}

// WriteReason is WriteMessage for an error that has a reason, which the page's script makes more exact.
func WriteReason(w http.ResponseWriter, to oauth.ValidOrigin, e oauth.AssistedError) {
	writeMessage(w, to, e, messageReason)
}

// writeMessage writes the page; script runs before the message is posted.
func writeMessage(w http.ResponseWriter, to oauth.ValidOrigin, message any, script string) {
	object, err := json.Marshal(message)
	if err != nil {
		http.Error(w, "server_error", http.StatusInternalServerError)
		return
	}
	nonce := Nonce()
	pageHeaders(w.Header(), nonce, to, "", "no-referrer")
	page := make([]byte, 0, len(messageHead)+len(messageScript)+len(messageObject)+len(messageTail)+len(object)+len(script)+128)
	page = append(page, messageHead...)
	page = append(page, nonce...)
	page = append(page, messageScript...)
	page = append(page, '"')
	page = append(page, to.String()...) // a validated origin holds no character that needs escaping
	page = append(page, '"')
	page = append(page, messageObject...)
	page = append(page, object...)
	page = append(page, script...)
	page = append(page, messageTail...)
	w.Write(page)
}
