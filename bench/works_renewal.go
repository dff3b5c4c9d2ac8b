package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

// pageKey is the key that a page signs its DPoP proofs with. All pages of the bench share it: the server keeps nothing
// by key, so one costs it as much as many.
type pageKey struct {
	signer jose.Signer
	jkt    string
}

func newPageKey() (pageKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pageKey{}, err
	}
	sum, err := (&jose.JSONWebKey{Key: key.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		return pageKey{}, err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key},
		(&jose.SignerOptions{EmbedJWK: true}).WithType(oauth.TypeDPoP))
	return pageKey{signer, base64.RawURLEncoding.EncodeToString(sum)}, err
}

// proof signs what the browser library's makeProof does (RFC 9449 §4.2).
func (k pageKey) proof(address, nonce string) (string, error) {
	claims, err := json.Marshal(map[string]any{
		"jti": rand.Text(), "htm": "POST", "htu": address, "iat": time.Now().Unix(), "nonce": nonce,
	})
	if err != nil {
		return "", err
	}
	jws, err := k.signer.Sign(claims)
	if err != nil {
		return "", err
	}
	return jws.CompactSerialize()
}

const (
	renewalEndpoint = assistedToken + "/renewal"
	// proofsPerSecond is about what the fastest run reaches; a faster one sends some twice, which costs the server as much.
	proofsPerSecond = 8_000
	// longestRenewal leaves time to sign the proofs of a run that long before its nonce is a minute old.
	longestRenewal = 30 * time.Second
)

// fetchHeader is what a browser sends with a fetch across origins.
const fetchHeader = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n" +
	"Accept: */*\r\nAccept-Language: en\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nSec-Fetch-Site: cross-site\r\nOrigin: " + appOrigin + "\r\n"

// renewalForm is what renewal asks, by a renewal handle.
var renewalForm = assistedQuery("read") + "&prompt=none&nonce=n-0S6_WzA2Mj&renewal_handle="

// renewalNonce is the request without a proof, by which a page whose nonce is too old gets a fresh one: its renewal costs this
// and renewalByHandle.
func (w *world) renewalNonce() work {
	var head []byte
	return work{
		name: "renewal-nonce",
		prepare: func(t target) error {
			head = renewalHead(t)
			return nil
		},
		request: func(dst []byte, n int) []byte {
			return appendForm(dst, head, renewalForm, url.QueryEscape("not looked at"))
		},
		check: holds(400, `"error":"use_dpop_nonce"`),
	}
}

// renewalByHandle posts renewal handles, each time of another user, each time with another proof. The proofs are signed
// before the run: in it the load program would take processor time from the server and, for each request to the floor too,
// so the ratio would flatter. The server permits it: it verifies each proof anew, and remembers no jti while the nonce lives (60 s).
func (w *world) renewalByHandle(length time.Duration) work {
	var head []byte
	var handles, proofs []string
	return work{
		name: "renewal-handle",
		prepare: func(t target) error {
			if length > longestRenewal {
				return fmt.Errorf("a nonce does not outlive -warmup and -duration: together at most %s", longestRenewal)
			}
			head = renewalHead(t)
			nonce, err := w.askNonce(t)
			if err == nil {
				proofs, err = w.proofs(t, nonce, int(length.Seconds()*proofsPerSecond))
			}
			if err == nil && handles == nil {
				handles, err = w.renewalHandles()
			}
			return err
		},
		request: func(dst []byte, n int) []byte {
			dst = append(dst, head...)
			dst = append(dst, "DPoP: "...)
			dst = append(dst, proofs[n%len(proofs)]...)
			dst = append(dst, "\r\n"...)
			return appendForm(dst, nil, renewalForm, handles[n%len(handles)])
		},
		check: holds(200, `"status":"success"`, `"access_token":"usher_at_`, `"renewal_handle":"`),
	}
}

func renewalHead(t target) []byte {
	return []byte("POST " + renewalEndpoint + " HTTP/1.1\r\nHost: " + t.host + "\r\n" + fetchHeader)
}

// askNonce learns the nonce as a page does: from the answer to a request that has none.
func (w *world) askNonce(t target) (string, error) {
	a, err := ask(t, appendForm(nil, renewalHead(t), renewalForm, url.QueryEscape("none yet")))
	if err != nil {
		return "", err
	}
	nonce, found := headerValue(a.header, "Dpop-Nonce")
	if !found {
		return "", errors.New("the answer has no DPoP-Nonce")
	}
	return string(nonce), nil
}

func (w *world) proofs(t target, nonce string, n int) ([]string, error) {
	proofs := make([]string, max(n, 1))
	for i := range proofs {
		var err error
		if proofs[i], err = w.page.proof("https://"+t.host+renewalEndpoint, nonce); err != nil {
			return nil, err
		}
	}
	return proofs, nil
}

// renewalHandles makes every user's handle, as the server would.
func (w *world) renewalHandles() ([]string, error) {
	handles := make([]string, len(w.users))
	for i, u := range w.users {
		var err error
		h := oauth.Renewal{SessionID: u.session, ClientID: appClient, Origin: appOrigin, JKT: w.page.jkt}
		if handles[i], err = w.seal(token.KindRenewal, h); err != nil {
			return nil, err
		}
	}
	return handles, nil
}
