package javascriptspa

import (
	"encoding/json"
	"net/http"

	"github.com/usher-id/usher/resource"
)

// newAPI returns the app's own API. It answers what it learned about who is calling.
func newAPI(o Options) (http.Handler, error) {
	issuer := o.Server + "/oauth/v2/oauth-anonymous"
	// The app's tokens are for the issuer itself, as no other audience is configured for its client. An example shows at
	// once that a token was revoked; a busy API leaves MaxStaleness out and asks less often.
	v, err := resource.New(issuer, issuer,
		resource.ByIntrospection(o.IntrospectionClient, o.IntrospectionSecret), resource.MaxStaleness(0), resource.CAFile(o.CAFile))
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /api", v.Require().Wrap(http.HandlerFunc(whoCalls)))
	// Any page may ask: who may have an answer is decided by the token alone, which the browser never sends by itself.
	return resource.CORS("*")(mux), nil
}

func whoCalls(w http.ResponseWriter, r *http.Request) {
	token, _ := resource.TokenFrom(r.Context())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	// Encoding fails where the caller hung up.
	_ = json.NewEncoder(w).Encode(map[string]any{"message": "The API knows who you are.", "claims": token.Claims})
}
