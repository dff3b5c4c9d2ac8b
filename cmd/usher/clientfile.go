package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

// clientView is what may be shown of a client: all but what its secrets are checked by.
type clientView struct {
	oauth.Client
	// These hide the client's.
	SecretHash            *struct{} `json:"secret_hash,omitempty"`
	WrappedSecret         *struct{} `json:"wrapped_secret,omitempty"`
	RegistrationTokenHash *struct{} `json:"registration_token_hash,omitempty"`

	Confidential bool     `json:"confidential"`
	Secret       string   `json:"secret,omitempty"` // only at the moment it is made
	Warnings     []string `json:"warnings,omitempty"`
}

func viewOf(c *oauth.Client) clientView {
	return clientView{Client: *c, Confidential: !c.IsPublic(), Warnings: manage.Warnings(c)}
}

// readClient reads a client from a file, in the form of clientView. What is unknown is an error: it would be a setting
// that is silently not made.
func readClient(stdin io.Reader, path string) (oauth.Client, error) {
	var text []byte
	var err error
	if path == "-" {
		text, err = io.ReadAll(io.LimitReader(stdin, maxJSONFile))
	} else {
		text, err = readJSONFile(path)
	}
	if err != nil {
		return oauth.Client{}, fmt.Errorf("--from: %w", err)
	}
	var view clientView
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&view); err != nil {
		return oauth.Client{}, fmt.Errorf("--from: %s is not a client as 'usher client show --json' prints it: %w", path, err)
	}
	return view.Client, nil
}

// replaceBy gives a client all settings of another and leaves what is no setting: who it is, and its secrets.
func replaceBy(c, by *oauth.Client) {
	was := *c
	*c = *by
	c.ID, c.Version, c.RevokedBefore = was.ID, was.Version, was.RevokedBefore
	c.SecretHash, c.WrappedSecret = was.SecretHash, was.WrappedSecret
	c.RegistrationTokenHash, c.Registered = was.RegistrationTokenHash, was.Registered
	if c.Name == "" {
		c.Name = was.Name
	}
}
