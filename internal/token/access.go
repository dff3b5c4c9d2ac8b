package token

import (
	"encoding/binary"
	"encoding/json"
	"strings"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

const (
	accessVersion = 2
	maxAccessList = 256 // entries
)

// SealAccess makes the handle access token (contract: an opaque token that says nothing to who holds it).
func (r *Ring) SealAccess(t oauth.AccessToken, now time.Time) (string, error) {
	return r.Seal(KindAccess, now, EncodeAccess(t))
}

// OpenAccess reads a handle access token. It does not judge whether the token expired.
func (r *Ring) OpenAccess(text string) (oauth.AccessToken, error) {
	t, _, err := r.openHandle(text)
	return t, err
}

func (r *Ring) openHandle(text string) (t oauth.AccessToken, epoch int64, err error) {
	plain, epoch, err := r.open(KindAccess, text, make([]byte, 0, 256))
	if err != nil {
		return oauth.AccessToken{}, 0, err
	}
	t, err = DecodeAccess(plain)
	return t, epoch, err
}

// IsJWT tells the two formats of access tokens apart: a handle has no dot.
func IsJWT(accessToken string) bool { return strings.Count(accessToken, ".") == 2 }

// OpenAnyAccess reads an access token of either format that the issuer made. As OpenAccess, it does not judge it, save
// that one is ErrInvalid which expires before the horizon: that it was revoked may be forgotten.
func (r *Ring) OpenAnyAccess(text, issuer string, h Horizon) (oauth.AccessToken, error) {
	var t oauth.AccessToken
	var epoch int64
	var err error
	if IsJWT(text) {
		t, epoch, err = r.openJWT(text, issuer)
	} else {
		t, epoch, err = r.openHandle(text)
	}
	if err == nil && !t.Expires.After(h.Of(epoch)) {
		err = ErrInvalid
	}
	if err != nil {
		return oauth.AccessToken{}, err
	}
	return t, nil
}

func (r *Ring) openJWT(text, issuer string) (oauth.AccessToken, int64, error) {
	claims, key, err := r.verify(text, TypeAccess)
	if err != nil {
		return oauth.AccessToken{}, 0, err
	}
	var j oauth.JWTAccessToken
	if err := json.Unmarshal(claims, &j); err != nil || j.Issuer != issuer { // RFC 9068 §4
		return oauth.AccessToken{}, 0, ErrInvalid
	}
	return j.AccessToken(), key.place.epoch, nil
}

// EncodeAccess writes a token in a compact binary form, for it is sealed for each renewal and sent with
// each API call. Times are in whole seconds.
func EncodeAccess(t oauth.AccessToken) []byte {
	b := make([]byte, 0, 256)
	b = append(b, accessVersion)
	b = append(b, t.ID[:]...)
	b = append(b, t.DelegationID[:]...)
	b = append(b, t.FamilyID[:]...)
	b = binary.AppendVarint(b, t.Issued.Unix())
	b = binary.AppendVarint(b, t.Expires.Unix())
	b = appendString(b, t.ClientID)
	b = appendString(b, t.Subject)
	b = appendList(b, t.Scope)
	b = appendList(b, t.Audience)
	b = appendString(b, t.Confirmation.JKT)
	b = appendString(b, t.Confirmation.X5T)
	b = appendString(b, t.Actor)
	return appendList(b, t.Claims)
}

func appendList(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = appendString(b, s)
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// DecodeAccess reads what EncodeAccess wrote; ErrInvalid for anything else.
func DecodeAccess(b []byte) (oauth.AccessToken, error) {
	var t oauth.AccessToken
	head := 1 + len(t.ID) + len(t.DelegationID) + len(t.FamilyID)
	if len(b) < head || len(b) > maxPlain || b[0] != accessVersion {
		return oauth.AccessToken{}, ErrInvalid
	}
	copy(t.ID[:], b[1:])
	copy(t.DelegationID[:], b[1+len(t.ID):])
	copy(t.FamilyID[:], b[1+len(t.ID)+len(t.DelegationID):])
	d := decoder{rest: b[head:], text: string(b[head:]), ok: true}
	t.Issued = d.seconds()
	t.Expires = d.seconds()
	t.ClientID = d.string()
	t.Subject = d.string()
	t.Scope = d.list()
	t.Audience = d.list()
	t.Confirmation.JKT = d.string()
	t.Confirmation.X5T = d.string()
	t.Actor = d.string()
	t.Claims = d.list()
	if !d.ok || len(d.rest) > 0 {
		return oauth.AccessToken{}, ErrInvalid
	}
	return t, nil
}

// decoder walks over bytes; after a fault it answers zero values and ok is false. text is a copy of
// the same bytes that all strings are cut from, in one allocation.
type decoder struct {
	rest []byte
	text string
	ok   bool
}

func (d *decoder) skip(n int) {
	d.rest, d.text = d.rest[n:], d.text[n:]
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 || !d.ok {
		d.ok = false
		return 0
	}
	d.skip(n)
	return v
}

func (d *decoder) seconds() time.Time {
	v, n := binary.Varint(d.rest)
	if n <= 0 || !d.ok {
		d.ok = false
		return time.Time{}
	}
	d.skip(n)
	return time.Unix(v, 0).UTC()
}

func (d *decoder) string() string {
	n := d.uvarint()
	if n > uint64(len(d.text)) {
		d.ok = false
		return ""
	}
	s := d.text[:n]
	d.skip(int(n))
	return s
}

func (d *decoder) list() []string {
	n := d.uvarint()
	if n > maxAccessList {
		d.ok = false
	}
	if !d.ok || n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = d.string()
	}
	return list
}
