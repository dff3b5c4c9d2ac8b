package web

import "github.com/usher-id/usher/internal/oauth"

// Device asks for the code that a device shows (RFC 8628 §3.3).
type Device struct {
	Code  string
	Error string
	Wrong bool // the error concerns the code
}

// DeviceConsent asks whether a device may have access, with the code to compare.
type DeviceConsent struct {
	Flow   string
	Client string
	// ClientID is shown beside the name, which the client's owner chose.
	ClientID string
	User     string
	// Subject names the account that was asked; the decision counts for nobody else.
	Subject string
	Scopes  []oauth.Scope
	Code    string

	Recipient Recipient
}

func (Device) template() (string, string)        { return "device.html", "Connect a device" }
func (DeviceConsent) template() (string, string) { return "deviceconsent.html", "Allow a device" }
