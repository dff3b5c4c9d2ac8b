package server

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
	"github.com/usher-id/usher/internal/web"
)

const userinfoPath = "/oauth/v2/oauth-userinfo"

// userinfo tells who has an access token with the scope openid who the user is (OpenID Connect Core §5.3).
func (s *Server) userinfo(w http.ResponseWriter, r *http.Request) {
	// Any client's page may learn that its token is worth nothing; the answer is for the token's client alone.
	web.AllowOrigin(w, s.current.Load().anyClientsOrigin(r.Header.Get("Origin")))
	if r.Method == http.MethodPost {
		if err := web.ParseForm(w, r); err != nil {
			web.WriteJSONError(w, s.Logger, err)
			return
		}
	}
	if r.Header.Get("DPoP") != "" {
		s.dpopNonce(w)
	}
	p, refused := presentedToken(r)
	var active *activeToken
	var spends []store.OneTime
	if refused == nil {
		active, spends, refused = s.usableToken(w, r, p)
	}
	if refused == nil && (active.token.IsClients() || !oauth.HasOpenID(active.token.Scope)) {
		refused = oauth.Errorf(oauth.InsufficientScope, "The access token lacks the scope openid.")
	}
	if refused == nil {
		refused = s.spend(r.Context(), spends...)
	}
	if refused != nil {
		s.challenge(w, p.scheme, refused)
		return
	}
	w.Header().Del("Access-Control-Allow-Origin")
	w.Header().Del("Vary")
	allowClientOrigin(w, r, active.client)
	s.writeUserInfo(w, active)
}

// writeUserInfo answers in JSON, or signed where the client registered for that (OpenID Connect Core §5.3.2).
func (s *Server) writeUserInfo(w http.ResponseWriter, active *activeToken) {
	snap := s.current.Load()
	claims := oauth.UserInfo(&active.token, &active.standing.Account, &snap.profile)
	if active.client.UserInfoAlg == "" {
		web.WriteJSON(w, claims)
		return
	}
	text, err := signed(snap, active.client.UserInfoAlg, token.TypeJWT, s.Now(), oauth.SignedUserInfo(claims, s.issuer, active.client))
	s.writeJWT(w, typeJWT, text, err)
}

// The schemes by which an access token is sent (RFC 6750 §2.1, RFC 9449 §7.1).
const (
	schemeBearer = "Bearer"
	schemeDPoP   = "DPoP"
)

// sentToken is an access token as a request sent it.
type sentToken struct{ scheme, text string }

// errNoToken stands for a request without any token: it is told no more than how to send one (RFC 6750 §3.1).
var errNoToken = &oauth.Error{Cause: errors.New("the request brings no access token")}

// presentedToken reads the access token of a request: from the header, by either scheme, or from a form's body (RFC 6750
// §2.2); a request uses one way alone.
func presentedToken(r *http.Request) (sentToken, *oauth.Error) {
	headers, inBody := r.Header.Values("Authorization"), r.PostForm["access_token"]
	if len(headers)+len(inBody) > 1 {
		return sentToken{schemeBearer, ""}, oauth.Errorf(oauth.InvalidRequest, "The request sends more than one access token.")
	}
	if len(inBody) == 1 {
		return sentToken{schemeBearer, inBody[0]}, nil
	}
	scheme, text, _ := strings.Cut(strings.Join(headers, ""), " ")
	text = strings.TrimSpace(text)
	switch {
	case strings.EqualFold(scheme, schemeBearer) && text != "":
		return sentToken{schemeBearer, text}, nil
	case strings.EqualFold(scheme, schemeDPoP) && text != "":
		return sentToken{schemeDPoP, text}, nil
	}
	return sentToken{schemeBearer, ""}, errNoToken
}

// usableToken demands that the token is good right now, and that the request proves the key that it is bound to: by what
// is then to be used up.
func (s *Server) usableToken(w http.ResponseWriter, r *http.Request, p sentToken) (*activeToken, []store.OneTime, *oauth.Error) {
	active, err := s.activeToken(r, p.text)
	if err != nil {
		return nil, nil, err
	}
	if active == nil {
		return nil, nil, oauth.Errorf(oauth.InvalidToken, "The access token expired, was revoked or is not one.")
	}
	bound := active.token.Confirmation
	switch {
	case bound.JKT != "" && p.scheme != schemeDPoP: // RFC 9449 §7.2
		return nil, nil, oauth.Errorf(oauth.InvalidToken, "The access token is bound to a key: send it by the scheme DPoP, with a proof.")
	case bound.JKT == "" && p.scheme == schemeDPoP:
		return nil, nil, oauth.Errorf(oauth.InvalidToken, "The access token is not bound to a DPoP key: send it by the scheme Bearer.")
	case bound.X5T != "" && bound.X5T != certificateOf(r): // RFC 8705 §3
		return nil, nil, oauth.Errorf(oauth.InvalidToken, "The access token is bound to the certificate of another client.")
	case bound.JKT == "":
		return active, nil, nil
	}
	spends, err := s.proveKey(w, r, p.text, bound.JKT)
	return active, spends, err
}

// proveKey demands a DPoP proof for the token by the key that it is bound to (RFC 9449 §7.1).
func (s *Server) proveKey(w http.ResponseWriter, r *http.Request, accessToken, jkt string) ([]store.OneTime, *oauth.Error) {
	s.dpopNonce(w)
	proof, err := s.dpop(r, accessToken)
	switch {
	case err != nil:
		return nil, err
	case proof.jkt == "":
		return nil, oauth.Errorf(oauth.InvalidDPoPProof, "The request lacks the DPoP proof.")
	case proof.jkt != jkt:
		return nil, oauth.Errorf(oauth.InvalidToken, "The DPoP proof is by another key than the access token is bound to.")
	}
	return proof.spends, nil
}

// certificateOf is the x5t#S256 of the certificate that the client showed; empty for none.
func certificateOf(r *http.Request) string {
	chain := certificates(r)
	if len(chain) == 0 {
		return ""
	}
	return token.CertificateThumbprint(chain[0])
}

// challenge answers as RFC 6750 §3 and RFC 9449 §7.1 say: with both schemes, that which was used first, and the error on
// it alone.
func (s *Server) challenge(w http.ResponseWriter, scheme string, e *oauth.Error) {
	status := http.StatusUnauthorized
	switch e.Code {
	case oauth.InvalidRequest:
		status = http.StatusBadRequest
	case oauth.InsufficientScope:
		status = http.StatusForbidden
	case oauth.ServerError, oauth.TemporarilyUnavailable:
		web.WriteJSONError(w, s.Logger, e)
		return
	}
	problem := ""
	if e.Code != "" {
		problem = fmt.Sprintf(`, error=%q, error_description=%q`, e.Code, e.Description)
	}
	if e.Code == oauth.InsufficientScope {
		problem += `, scope="openid"`
	}
	h := w.Header()
	bearer, dpop := `Bearer realm="usher"`, `DPoP realm="usher", algs="`+dpopAlgs()+`"`
	switch {
	case scheme == schemeDPoP || e.Code == oauth.UseDPoPNonce || e.Code == oauth.InvalidDPoPProof:
		h["Www-Authenticate"] = []string{dpop + problem, bearer}
	default:
		h["Www-Authenticate"] = []string{bearer + problem, dpop}
	}
	h.Set("Cache-Control", "no-store")
	web.Refused(w, s.Logger, e)
	w.WriteHeader(status)
}

// dpopAlgs lists the algorithms of DPoP proofs, with a space in between.
func dpopAlgs() string {
	names := make([]string, len(oauth.DPoPAlgs))
	for i, alg := range oauth.DPoPAlgs {
		names[i] = string(alg)
	}
	return strings.Join(names, " ")
}
