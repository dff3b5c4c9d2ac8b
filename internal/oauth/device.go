package oauth

import (
	"io"
	"net/url"
	"strings"
	"time"
)

const (
	// DeviceLifetime bounds how long a user may take to decide about a device (RFC 8628 §3.2, expires_in).
	DeviceLifetime = 10 * time.Minute
	// DeviceInterval is how often a device may ask (§3.2, interval).
	DeviceInterval = 5 * time.Second
	// deviceJitter is what the network may take off the interval between two requests of a device that waits as it should.
	deviceJitter = time.Second
	// MaxDeviceRequests bounds those under way for one client: public ones can be begun in its name by anybody.
	MaxDeviceRequests = 1000
	// MaxNetworkDevices bounds those that one network has under way for one public client.
	MaxNetworkDevices = 100
)

// DevicePlaces is how many device requests a client may have under way, and of these one network.
type DevicePlaces struct{ Client, Network int }

// userCodeLetters make user codes: no vowels, so that no words come out, and nothing that looks like a digit (RFC 8628
// §6.1). Eight of them are 34 bits.
const (
	userCodeLetters = "BCDFGHJKLMNPQRSTVWXZ"
	userCodeLength  = 8
)

// NewUserCode makes a user code from random bytes, each letter as likely as any other.
func NewUserCode(random io.Reader) (string, error) {
	const fair = 256 / len(userCodeLetters) * len(userCodeLetters) // bytes from here on would favour the first letters
	code := make([]byte, 0, userCodeLength)
	var b [1]byte
	for len(code) < userCodeLength {
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return "", err
		}
		if int(b[0]) < fair {
			code = append(code, userCodeLetters[int(b[0])%len(userCodeLetters)])
		}
	}
	return string(code), nil
}

// ShowUserCode is how people read a code: in two groups of four, as in BCDF-GHJK.
func ShowUserCode(code string) string {
	if len(code) != userCodeLength {
		return code
	}
	return code[:userCodeLength/2] + "-" + code[userCodeLength/2:]
}

// ReadUserCode takes a code as typed: in any case, with whatever stands between the letters (RFC 8628 §6.1). ok is false
// where it cannot be one.
func ReadUserCode(typed string) (code string, ok bool) {
	if len(typed) > 8*userCodeLength {
		return "", false
	}
	code = strings.Map(func(r rune) rune {
		if strings.ContainsRune(userCodeLetters, r) {
			return r
		}
		return -1
	}, strings.ToUpper(typed))
	return code, len(code) == userCodeLength
}

// DeviceAuthorization is the answer that begins a device's request (RFC 8628 §3.2).
type DeviceAuthorization struct {
	DeviceCode              string `json:"device_code"`
	UserCode                string `json:"user_code"`
	VerificationURI         string `json:"verification_uri"`
	VerificationURIComplete string `json:"verification_uri_complete"`
	ExpiresIn               int64  `json:"expires_in"`
	Interval                int64  `json:"interval"`
}

// NewDeviceAuthorization puts the answer together; page is where users type their codes.
func NewDeviceAuthorization(deviceCode, userCode, page string) DeviceAuthorization {
	shown := ShowUserCode(userCode)
	return DeviceAuthorization{
		DeviceCode: deviceCode, UserCode: shown, VerificationURI: page,
		VerificationURIComplete: page + "?user_code=" + url.QueryEscape(shown),
		ExpiresIn:               int64(DeviceLifetime / time.Second), Interval: int64(DeviceInterval / time.Second),
	}
}

// DeviceCode is the content of a sealed device code.
type DeviceCode struct {
	// ID becomes that of the family.
	ID           ID        `json:"i"`
	UserCodeHash []byte    `json:"h"`
	ClientID     string    `json:"c"`
	Resource     []string  `json:"r,omitempty"`
	Expires      time.Time `json:"e"`
}

// ParseDeviceRequest reads what a device asks for (RFC 8628 §3.1): scope, and resources (RFC 8707).
func ParseDeviceRequest(q url.Values, c *Client, p *Profile) (scope, resource []string, err *Error) {
	text, err := single(q, "scope")
	if err != nil {
		return nil, nil, err
	}
	asked, err := ParseScope(text)
	if err != nil {
		return nil, nil, err
	}
	if scope, err = DeviceScope(asked, c, p); err != nil {
		return nil, nil, err
	}
	resource, err = ParseResources(q, c)
	return scope, resource, err
}

// DeviceScope answers which scope a device gets: as OfferedScope, since it trades in a code, too.
func DeviceScope(asked []string, c *Client, p *Profile) ([]string, *Error) {
	return OfferedScope(asked, ResponseType{Code: true}, c, p)
}

// ParseDeviceCode reads the device code of a token request (RFC 8628 §3.4).
func ParseDeviceCode(q url.Values) (string, *Error) {
	code, err := singleLong(q, "device_code")
	if err == nil && code == "" {
		err = Errorf(InvalidRequest, "The request lacks the device_code.")
	}
	return code, err
}

// Check holds a token request against the device code that it brings.
func (d *DeviceCode) Check(c *Client, now time.Time) *Error {
	switch {
	case d.ClientID != c.ID:
		return Errorf(InvalidGrant, "The device code was issued to another client.")
	case !now.Before(d.Expires):
		return DeviceExpired
	}
	return nil
}

// DeviceExpired is the answer once the user took too long (RFC 8628 §3.5).
var DeviceExpired = Errorf(ExpiredToken, "The device code has expired. Begin again.")

// JudgePoll answers a device that asks; nil where it may have its tokens. polled is when it asked before. One that asks
// too soon has to wait whatever the user said (RFC 8628 §3.5), so of many requests at once one alone gets on.
func JudgePoll(decided, approved bool, polled, now time.Time) *Error {
	switch {
	case !polled.IsZero() && now.Before(polled.Add(DeviceInterval-deviceJitter)):
		return Errorf(SlowDown, "The device asks too often. Wait five seconds longer between requests.")
	case !decided:
		return Errorf(AuthorizationPending, "The user has not decided yet.")
	case !approved:
		return Errorf(AccessDenied, "The user did not agree.")
	}
	return nil
}
