// Package angularapi is the API of the Angular example: it runs at another origin than the app, so it answers CORS, and it
// accepts the access tokens of the app.
//
// All of the work is done by the package resource. What is left is what each API decides for itself: which address
// needs which scope, and how fresh the user's sign-in has to be.
package angularapi

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/usher-id/usher/resource"
)

// Options are what differs between the places where the API runs.
type Options struct {
	// Issuer is the identity server's, as its metadata has it.
	Issuer string
	// Audience is what tokens call this API; the issuer where it is empty, as in usher's demo.
	Audience string
	// ClientID and ClientSecret are the API's own, for introspection.
	ClientID, ClientSecret string
	// CAFile has authorities that are believed beside the system's; may be empty.
	CAFile string
	// Origin is the app's; its pages may call the API.
	Origin string
}

// FreshFor is how old a sign-in may be that a payment is made with.
const FreshFor = 5 * time.Minute

// New returns the API:
//
//   - GET /api tells who is calling, for any good token.
//   - POST /api/payment needs the scope "payment" and a recent sign-in. Without, it answers with a step-up challenge
//     (RFC 9470), which tells the app what to ask the server for.
func New(o Options) (http.Handler, error) {
	if o.Audience == "" {
		o.Audience = o.Issuer
	}
	// An example shows at once that a token was revoked. A busy API leaves MaxStaleness out and asks less often.
	v, err := resource.New(o.Issuer, o.Audience,
		resource.ByIntrospection(o.ClientID, o.ClientSecret), resource.MaxStaleness(0), resource.CAFile(o.CAFile))
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /api", v.Require().Wrap(answer("The API knows who you are.")))
	mux.Handle("POST /api/payment", v.Require("payment").MaxAge(FreshFor).Wrap(answer("The payment is made.")))
	return resource.CORS(o.Origin)(mux), nil
}

// answer says what the API learned of the caller.
func answer(message string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := resource.TokenFrom(r.Context())
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(map[string]any{"message": message, "claims": token.Claims}) // fails where the caller hung up
	})
}
