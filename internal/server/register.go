package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
	"github.com/usher-id/usher/internal/web"
)

const registerPath = "/oauth/v2/oauth-register"

// maxRegistration bounds a registration in bytes: every node keeps it in memory.
const maxRegistration = 16 << 10

// Issuer is the issuer of the server at a base URL: what its initial access tokens are bound to.
func Issuer(baseURL string) string { return baseURL + issuerPath }

// registration is what a client is answered about itself (RFC 7591 §3.2.1, RFC 7592 §3).
type registration struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret,omitempty"`
	// SecretExpires is 0, for never, where there is a secret (RFC 7591 §3.2.1).
	SecretExpires *int64 `json:"client_secret_expires_at,omitempty"`
	Issued        int64  `json:"client_id_issued_at"`
	AccessToken   string `json:"registration_access_token"`
	URI           string `json:"registration_client_uri"`
	oauth.ClientMetadata
}

// register lets a client register by itself (RFC 7591 §3, OpenID Connect Registration §3): with an initial access
// token, unless the profile says otherwise.
func (s *Server) register(w http.ResponseWriter, r *http.Request) {
	if s.tooManyRegistrations(w, r) {
		return
	}
	actor, err := s.mayRegister(r)
	if err != nil {
		refuseRegistration(w, s, err)
		return
	}
	_, c, err := s.registrationRequest(w, r)
	if err != nil {
		refuseRegistration(w, s, err)
		return
	}
	made, cause := s.registrar(actor).RegisterClient(r.Context(), c)
	if cause != nil {
		refuseRegistration(w, s, registrationFault(cause))
		return
	}
	s.answerRegistration(w, r, http.StatusCreated, made)
}

// tooManyRegistrations refuses an address that asks too often: strangers can ask here, and it costs a query or more.
func (s *Server) tooManyRegistrations(w http.ResponseWriter, r *http.Request) bool {
	ok, wait := s.addresses.Allow(s.proxies.ClientAddress(r), s.Now())
	if !ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		web.WriteJSONError(w, s.Logger, oauth.Errorf(oauth.TemporarilyUnavailable, "Too many requests from this address."))
	}
	return !ok
}

// mayRegister holds the request against the profile's policy; the answer is who acts, for the audit log.
func (s *Server) mayRegister(r *http.Request) (actor string, err *oauth.Error) {
	switch s.current.Load().profile.Registration {
	case oauth.RegistrationOff:
		return "", registrationOff
	case oauth.RegistrationInsecureOpen:
		return "registration", nil
	}
	text := bearerHeader(r)
	id, cause := manage.OpenRegistrationToken(s.current.Load().ring, text, s.Now())
	if errors.Is(cause, token.ErrUnknownKey) && s.mayLookForKeys() {
		if refreshErr := s.refreshIfChanged(r.Context()); refreshErr != nil {
			return "", oauth.Internal(refreshErr)
		}
		id, cause = manage.OpenRegistrationToken(s.current.Load().ring, text, s.Now())
	}
	if cause != nil {
		return "", oauth.Errorf(oauth.InvalidToken, "Registering needs an initial access token that has not expired.").Because(cause)
	}
	return "registration:" + id.String(), nil
}

var registrationOff = oauth.Errorf(oauth.AccessDenied, "Client registration is switched off on this server.")

// registeredClient is where a registered client reads (GET), replaces (PUT) and removes (DELETE) what it registered
// (RFC 7592 §2). Only its registration access token opens it; who has none is not told which clients there are. It may
// have registered at another node a moment ago, so this one looks whether its snapshot is of today.
func (s *Server) registeredClient(w http.ResponseWriter, r *http.Request) {
	if s.tooManyRegistrations(w, r) {
		return
	}
	if err := s.refreshIfChanged(r.Context()); err != nil {
		refuseRegistration(w, s, oauth.Internal(err))
		return
	}
	text := bearerHeader(r)
	c, known := s.current.Load().client(r.PathValue("id"))
	if !known {
		c = &oauth.Client{}
	}
	// A client that an operator made has no hash, which nothing equals. GET and PUT judge once more,
	// atomically.
	began := manage.TokenBegan(c, s.current.Load().upgraded)
	if !c.Opens(manage.HashSecret(text), began, s.Now()) {
		refuseRegistration(w, s, oauth.Errorf(oauth.InvalidToken, "There is no such client, or this is not its registration access token."))
		return
	}
	switch r.Method {
	case http.MethodPut:
		s.replaceRegistered(w, r, c, text)
	case http.MethodDelete:
		if err := s.registrar("client:"+c.ID).RemoveClient(r.Context(), c.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
			refuseRegistration(w, s, registrationFault(err))
			return
		}
		s.readOwnWrite(r.Context())
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNoContent)
	default:
		read, err := s.registrar("client:"+c.ID).ReadRegistered(r.Context(), c.ID, text)
		if err != nil {
			refuseRegistration(w, s, registrationFault(err))
			return
		}
		s.answerRegistration(w, r, http.StatusOK, read)
	}
}

// replaceRegistered replaces all metadata at once.
func (s *Server) replaceRegistered(w http.ResponseWriter, r *http.Request, c *oauth.Client, accessToken string) {
	if s.current.Load().profile.Registration == oauth.RegistrationOff {
		refuseRegistration(w, s, registrationOff)
		return
	}
	asked, want, err := s.registrationRequest(w, r)
	switch {
	case err != nil:
	case asked.ClientID != c.ID: // RFC 7592 §2.2
		err = oauth.Errorf(oauth.InvalidClientMetadata, "The client_id in the body is not the one in the address.")
	case asked.ClientSecret != "" && checkSecret(c, asked.ClientSecret) != nil:
		err = oauth.Errorf(oauth.InvalidClientMetadata, "The client_secret is not the client's: a client does not choose its secret.")
	}
	if err != nil {
		refuseRegistration(w, s, err)
		return
	}
	made, cause := s.registrar("client:"+c.ID).ReplaceRegistered(r.Context(), c.ID, accessToken, want)
	if cause != nil {
		refuseRegistration(w, s, registrationFault(cause))
		return
	}
	s.answerRegistration(w, r, http.StatusOK, made)
}

// registrationRequest reads the metadata, and fetches what sector_identifier_uri lists (OpenID Connect Registration §5).
func (s *Server) registrationRequest(w http.ResponseWriter, r *http.Request) (asked oauth.RegistrationRequest, c oauth.Client, err *oauth.Error) {
	if kind, _, e := mime.ParseMediaType(r.Header.Get("Content-Type")); e != nil || kind != "application/json" {
		return asked, c, oauth.Errorf(oauth.InvalidClientMetadata, "The body has to be application/json.")
	}
	body, e := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRegistration))
	if e != nil {
		return asked, c, oauth.Errorf(oauth.InvalidClientMetadata, "The body is larger than this endpoint takes, or cannot be read.").Because(e)
	}
	if asked, err = oauth.ParseRegistration(body); err != nil {
		return asked, c, err
	}
	if c, err = asked.Client(&s.current.Load().profile); err != nil {
		return asked, c, err
	}
	if !slices.Contains(s.authMethods(), c.AuthMethod) {
		return asked, c, oauth.Errorf(oauth.InvalidClientMetadata, "This server does not authenticate clients by token_endpoint_auth_method %.50s.", c.AuthMethod)
	}
	if asked.SectorIdentifierURI == "" {
		return asked, c, nil
	}
	document, e := s.outbound.get(r.Context(), "network "+s.networkOf(r), asked.SectorIdentifierURI)
	if e != nil {
		return asked, c, oauth.Errorf(oauth.InvalidClientMetadata, "The document at sector_identifier_uri cannot be fetched.").Because(e)
	}
	return asked, c, asked.CheckSector(document)
}

// registrar acts for whoever registers: without the operator's insecure switches.
func (s *Server) registrar(actor string) *manage.Manager {
	return &manage.Manager{Store: s.Store, Master: s.Master, Now: s.Now, Rand: rand.Reader, Actor: actor}
}

// answerRegistration answers after this node knows the client, so that its first request finds it; the others follow
// within two seconds.
func (s *Server) answerRegistration(w http.ResponseWriter, r *http.Request, status int, made manage.Registered) {
	s.readOwnWrite(r.Context())
	web.WriteJSONStatus(w, status, s.registrationOf(made))
}

func (s *Server) readOwnWrite(ctx context.Context) {
	if err := s.refreshIfChanged(ctx); err != nil {
		s.Logger.Warn("a registration is stored, but this node does not know it yet", "error", err)
	}
}

func (s *Server) registrationOf(made manage.Registered) registration {
	c := &made.Client
	a := registration{
		ClientID: c.ID, ClientSecret: made.Secret, Issued: c.Registered.Unix(), AccessToken: made.AccessToken,
		URI: s.BaseURL + registerPath + "/" + c.ID, ClientMetadata: oauth.MetadataOf(c),
	}
	if len(c.SecretHash) > 0 {
		a.SecretExpires = new(int64)
	}
	return a
}

// bearerHeader is the token of the Authorization header (RFC 6750 §2.1); empty where there is none.
func bearerHeader(r *http.Request) string {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimLeft(text, " ")
}

// metadataNames are the names of RFC 7591 for what manage calls otherwise.
var metadataNames = map[string]string{
	"name": "client_name", "id_token_alg": "id_token_signed_response_alg", "capabilities": "grant_types",
	"sector_identifier": "sector_identifier_uri",
}

// registrationFault tells a client what is wrong with its metadata (RFC 7591 §3.2.2).
func registrationFault(err error) *oauth.Error {
	var invalid manage.Invalid
	var managed *manage.Managed
	switch {
	case errors.Is(err, store.ErrTooMany):
		return oauth.Errorf(oauth.TemporarilyUnavailable, "This server has as many registered clients as it takes.").Because(err)
	case errors.Is(err, store.ErrNotFound):
		return oauth.Errorf(oauth.InvalidToken, "The client is not there any more.")
	case errors.Is(err, manage.ErrRegistrationToken):
		return oauth.Errorf(oauth.InvalidToken,
			"This registration access token has expired or was replaced.")
	case errors.As(err, &managed):
		return oauth.Errorf(oauth.AccessDenied, "An operator manages this client now: it cannot change itself any more.").Because(err)
	case !errors.As(err, &invalid):
		return oauth.Internal(err)
	}
	code, text := oauth.InvalidClientMetadata, make([]string, len(invalid))
	for i, f := range invalid {
		if f.Field == "redirect_uris" {
			code = oauth.InvalidRedirectURI
		}
		field := f.Field
		if name, ok := metadataNames[field]; ok {
			field = name
		}
		text[i] = field + ": " + f.Problem
	}
	return oauth.Errorf(code, "%.1000s", strings.Join(text, "; "))
}

// refuseRegistration answers an error: 401 where the token is at fault (RFC 6750 §3.1), 403 where nothing would help,
// 400 for metadata (RFC 7591 §3.2.2).
func refuseRegistration(w http.ResponseWriter, s *Server, e *oauth.Error) {
	e = web.Refused(w, s.Logger, e)
	switch e.Code {
	case oauth.InvalidToken:
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="usher", error="invalid_token", error_description=%q`, e.Description))
		web.WriteJSONStatus(w, http.StatusUnauthorized, errorBody{e.Code, e.Description})
	case oauth.AccessDenied:
		web.WriteJSONStatus(w, http.StatusForbidden, errorBody{e.Code, e.Description})
	default:
		web.WriteJSONError(w, s.Logger, e)
	}
}

type errorBody struct {
	Code        oauth.Code `json:"error"`
	Description string     `json:"error_description"`
}
