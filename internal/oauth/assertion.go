package oauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// The bounds of what others sign for us (RFC 7523 §3, RFC 9449 §11.1).
const (
	// MaxAssertionLifetime is how far ahead an assertion may expire: its id is remembered until then.
	MaxAssertionLifetime = time.Hour
	// ForeignSkew is how far a client's clock may be off ours.
	ForeignSkew = 60 * time.Second
)

// ClientAssertionType is the only client_assertion_type (RFC 7523 §2.2).
const ClientAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// TypeClientAssertion is the typ of a JWT that is meant as nothing else; an absent one and JWT are accepted too.
const TypeClientAssertion = "client-authentication+jwt"

// jwtClaims is a claims set (RFC 7519 §4) by its exact names: encoding/json fills struct fields without regard to case,
// so a second claim could pass for the one that was checked. Of a repeated name the last counts.
type jwtClaims map[string]json.RawMessage

func parseClaims(claims []byte) (jwtClaims, error) {
	var c jwtClaims
	if err := json.Unmarshal(claims, &c); err != nil || c == nil {
		return nil, errors.New("the claims are not a JSON object")
	}
	return c, nil
}

// text reads a string claim; empty where it is absent.
func (c jwtClaims) text(name string) (string, error) {
	raw, found := c[name]
	if !found {
		return "", nil
	}
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return "", fmt.Errorf("the claim %s is not text", name)
	}
	return *s, nil
}

// audience reads aud: one text or a list of them (RFC 7519 §4.1.3).
func (c jwtClaims) audience() (list []string, isText bool, err error) {
	raw, found := c["aud"]
	if !found {
		return nil, false, nil
	}
	if err := json.Unmarshal(raw, &list); err == nil && list != nil {
		return list, false, nil
	}
	one, err := c.text("aud")
	return []string{one}, true, err
}

// maxNumericDate is the end of the year 9999.
const maxNumericDate = 253402300799

// date reads a NumericDate (RFC 7519 §2), which may have a fraction; the zero time where it is absent.
func (c jwtClaims) date(name string) (time.Time, error) {
	raw, found := c[name]
	if !found {
		return time.Time{}, nil
	}
	var seconds *float64
	if err := json.Unmarshal(raw, &seconds); err != nil || seconds == nil || *seconds < 0 || *seconds > maxNumericDate {
		return time.Time{}, fmt.Errorf("the claim %s is not a time", name)
	}
	whole, fraction := math.Modf(*seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)).UTC(), nil
}

// signedBy is what the JWTs of clients have in common.
type signedBy struct {
	Issuer, Subject, ID        string
	Audience                   []string
	Issued, NotBefore, Expires time.Time
	// oneAudience tells that aud was a text, not a list.
	oneAudience bool
}

func (c jwtClaims) signedBy() (s signedBy, err error) {
	var errs [7]error
	s.Issuer, errs[0] = c.text("iss")
	s.Subject, errs[1] = c.text("sub")
	s.ID, errs[2] = c.text("jti")
	s.Audience, s.oneAudience, errs[3] = c.audience()
	s.Issued, errs[4] = c.date("iat")
	s.NotBefore, errs[5] = c.date("nbf")
	s.Expires, errs[6] = c.date("exp")
	return s, errors.Join(errs[:]...)
}

// inTime holds the times against the clock: nothing of it is later than now by more than the skew, and it has not expired.
func (s *signedBy) inTime(now time.Time) error {
	switch {
	case s.Issued.After(now.Add(ForeignSkew)):
		return errors.New("iat is in the future")
	case s.NotBefore.After(now.Add(ForeignSkew)):
		return errors.New("nbf is in the future")
	case !s.Expires.IsZero() && !now.Before(s.Expires):
		return errors.New("it expired")
	}
	return nil
}

// Assertion is what a client claims of itself in a client assertion (RFC 7523 §3). Nothing of it is to be believed
// before the signature was verified and Check said nothing.
type Assertion struct{ signedBy }

// ParseAssertion reads the claims.
func ParseAssertion(claims []byte) (Assertion, error) {
	c, err := parseClaims(claims)
	if err != nil {
		return Assertion{}, err
	}
	s, err := c.signedBy()
	return Assertion{s}, err
}

// AudienceIs tells whether aud is this text, not a list (FAPI 2.0 Security Profile §5.3.2.1).
func (a *Assertion) AudienceIs(issuer string) bool {
	return a.oneAudience && a.Audience[0] == issuer
}

// Check holds an assertion against the rules of RFC 7523 §3: it is by and about the client, for one of the audiences (the
// issuer, or an address of this server that clients know it by), expires, but not too late, and has an id to be used once.
func (a *Assertion) Check(clientID string, audiences []string, now time.Time) error {
	switch {
	case a.Issuer != clientID || a.Subject != clientID:
		return errors.New("iss and sub have to be the client's id")
	case !slices.ContainsFunc(a.Audience, func(aud string) bool { return slices.Contains(audiences, aud) }):
		return errors.New("aud does not name this server")
	case a.ID == "":
		return errors.New("there is no jti")
	case a.Expires.IsZero():
		return errors.New("there is no exp")
	case a.Expires.After(now.Add(MaxAssertionLifetime + ForeignSkew)):
		return errors.New("exp is too far ahead")
	}
	return a.inTime(now)
}
