package server

import (
	"context"
	"encoding/binary"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/usher-id/usher/internal/clock"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
	"github.com/usher-id/usher/internal/token"
)

// dpopNonceLife is how long a nonce is good. Every answer to a proof brings a new one, so a client that talks to us more
// often than this never has to ask twice.
const dpopNonceLife = 2 * time.Minute

// dpopProof is a proof that the sender of a request holds a key (RFC 9449).
type dpopProof struct {
	jkt string // the thumbprint of the key; empty where the request has no proof
	// spends are to be handed to the verb that writes, or to spend, after every other check has passed.
	spends []store.OneTime
}

// dpop reads the DPoP header of a request and checks it (RFC 9449 §4.3): against the access token where the request uses
// one, else (token, pushed authorization) an empty text. A proof needs a nonce of ours (§8, §9): use_dpop_nonce
// says so, and the caller answers every request that has a proof with dpopNonce.
func (s *Server) dpop(r *http.Request, accessToken string) (dpopProof, *oauth.Error) {
	return s.dpopWithin(r, accessToken, dpopNonceLife)
}

// dpopWithin is the same for a nonce that is at most so old.
func (s *Server) dpopWithin(r *http.Request, accessToken string, life time.Duration) (dpopProof, *oauth.Error) {
	header := r.Header.Values("DPoP")
	if len(header) == 0 {
		return dpopProof{}, nil
	}
	if len(header) > 1 {
		return dpopProof{}, errProof.Because(errors.New("more than one DPoP header"))
	}
	claims, jkt, err := openProof(header[0])
	if err != nil {
		return dpopProof{}, errProof.Because(err)
	}
	p, err := oauth.ParseDPoP(claims)
	if err != nil {
		return dpopProof{}, errProof.Because(err)
	}
	now := s.Now()
	if err := p.Check(r.Method, []string{s.addressOf(r)}, accessToken, now); err != nil {
		return dpopProof{}, proofError(err)
	}
	if !s.freshNonce(r.Context(), p.Nonce, now, life) {
		return dpopProof{}, errNonce
	}
	return dpopProof{jkt, []store.OneTime{{Kind: kindDPoP, Owner: jkt, ID: p.ID, Expires: p.Expires()}}}, nil
}

var (
	errProof = proofError(errors.New("it cannot be verified"))
	errNonce = oauth.Errorf(oauth.UseDPoPNonce, "The DPoP proof needs a fresh nonce of this server: the one in the header DPoP-Nonce.")
)

// proofError tells a client what is wrong with its own proof: there is nothing in it to keep secret from it.
func proofError(err error) *oauth.Error {
	return oauth.Errorf(oauth.InvalidDPoPProof, "The DPoP proof is not valid: %s.", err).Because(err)
}

func openProof(header string) (claims []byte, jkt string, err error) {
	f, err := token.ParseForeign(header, oauth.DPoPAlgs)
	if err != nil {
		return nil, "", err
	}
	if !strings.EqualFold(f.Type, oauth.TypeDPoP) {
		return nil, "", errors.New("its typ is not dpop+jwt")
	}
	return f.VerifyEmbedded()
}

// dpopNonce gives the client the nonce for its next proof, and lets a page read it (CORS).
func (s *Server) dpopNonce(w http.ResponseWriter) {
	now := s.Now()
	nonce, err := s.current.Load().ring.Seal(token.KindNonce, now, binary.BigEndian.AppendUint64(nil, uint64(now.Unix())))
	if err != nil {
		s.Logger.Error("no DPoP nonce could be made", "error", err)
		return
	}
	h := w.Header()
	h.Set("DPoP-Nonce", nonce)
	h.Set("Access-Control-Expose-Headers", "DPoP-Nonce, WWW-Authenticate")
}

// freshNonce tells whether a nonce is ours and young. One of another node may be from a clock a little ahead.
func (s *Server) freshNonce(ctx context.Context, nonce string, now time.Time, life time.Duration) bool {
	plain, epoch, err := s.current.Load().ring.OpenMade(token.KindNonce, nonce)
	if errors.Is(err, token.ErrUnknownKey) && s.mayLookForKeys() && s.refreshIfChanged(ctx) == nil {
		plain, epoch, err = s.current.Load().ring.OpenMade(token.KindNonce, nonce)
	}
	if err != nil || len(plain) != 8 {
		return false
	}
	made := time.Unix(int64(binary.BigEndian.Uint64(plain)), 0)
	age := now.Sub(made)
	return made.After(s.horizon.Load().Of(epoch)) && age > -2*clock.Tolerated && age < life
}
