package manage

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// ClientView is a client as operators see and write it: all but what its secrets are checked by.
type ClientView struct {
	oauth.Client
	// These hide the client's.
	SecretHash            *struct{} `json:"secret_hash,omitempty"`
	WrappedSecret         *struct{} `json:"wrapped_secret,omitempty"`
	RegistrationTokenHash *struct{} `json:"registration_token_hash,omitempty"`
	PreviousTokenHash     *struct{} `json:"previous_registration_token_hash,omitempty"`
	PreviousTokenExpires  *struct{} `json:"previous_registration_token_expires,omitempty"`

	Confidential bool     `json:"confidential"`
	Secret       string   `json:"secret,omitempty"` // only at the moment it is made
	Warnings     []string `json:"warnings,omitempty"`
}

// ViewClient shows a client.
func ViewClient(c *oauth.Client) ClientView {
	return ClientView{Client: *c, Confidential: !c.IsPublic(), Warnings: Warnings(c)}
}

// ReadClient reads what ViewClient shows. What is unknown is an error: it would be a setting that is silently not made.
func ReadClient(text []byte) (oauth.Client, error) {
	var view ClientView
	if err := decodeStrictly(text, &view); err != nil {
		return oauth.Client{}, err
	}
	return view.Client, nil
}

// ReplaceSettings gives a client all settings of another and leaves what is no setting: who it is, its secrets, and what
// the server keeps of it.
func ReplaceSettings(c, by *oauth.Client) {
	was := *c
	*c = cloneClient(*by)
	c.ID, c.Version, c.RevokedBefore = was.ID, was.Version, was.RevokedBefore
	c.ShownSince = was.ShownSince
	c.SecretHash, c.WrappedSecret = was.SecretHash, was.WrappedSecret
	c.ManagementToken, c.Registered = was.ManagementToken, was.Registered
	c.TrialOrigin, c.TrialUntil, c.ManagedBy = was.TrialOrigin, was.TrialUntil, was.ManagedBy
	if c.Name == "" {
		c.Name = was.Name
	}
}

// ProfileView is the profile as operators see and write it: all but the salt.
type ProfileView struct {
	oauth.Profile
	PairwiseSalt *struct{} `json:"pairwise_salt,omitempty"` // hides the profile's
	Warnings     []string  `json:"warnings,omitempty"`
}

// ViewProfile shows a profile.
func ViewProfile(p *oauth.Profile) ProfileView {
	return ProfileView{Profile: *p, Warnings: ProfileWarnings(p)}
}

// ReadProfile reads what ViewProfile shows, as ReadClient does.
func ReadProfile(text []byte) (oauth.Profile, error) {
	var view ProfileView
	if err := decodeStrictly(text, &view); err != nil {
		return oauth.Profile{}, err
	}
	return view.Profile, nil
}

func decodeStrictly(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// ChangeView is a change for programs; what it changed is there where one change is shown, and left out of lists.
type ChangeView struct {
	ID          oauth.ID        `json:"id"`
	At          time.Time       `json:"at"`
	Actor       string          `json:"actor"`
	Event       store.Event     `json:"event"`
	Kind        string          `json:"kind"`
	Subject     string          `json:"subject,omitempty"`
	Username    string          `json:"username,omitempty"`
	Before      json.RawMessage `json:"before,omitempty"`
	After       json.RawMessage `json:"after,omitempty"`
	Differences []Difference    `json:"differences,omitempty"`
}

// ViewChange shows a change.
func ViewChange(c store.Change, differences []Difference) ChangeView {
	return ChangeView{c.ID, c.At, c.Actor, c.Event, c.Kind, c.Subject, c.Username, c.Before, c.After,
		differences}
}
