package manage

import (
	"context"
	"errors"
	"time"
)

// Overview is what there is to see at a glance.
type Overview struct {
	Sessions int `json:"sessions"` // live ones
	Clients  int `json:"clients"`
	// Step is the seconds between two points; a point counts what happened from its time on, on all nodes.
	Step    int     `json:"step"`
	SignIns []Point `json:"sign_ins"`
	Tokens  []Point `json:"tokens"`
	// Warnings are what is unsafe, and what to do; MoreWarnings is how many are left out.
	Warnings     []Warning `json:"warnings"`
	MoreWarnings int       `json:"more_warnings,omitempty"`
}

// Point is one point of a plot.
type Point struct {
	At    time.Time `json:"at"`
	Count int64     `json:"count"`
}

// Warning is something unsafe. Kind and Subject say about what, as in store.Change.
type Warning struct {
	Kind    string `json:"kind"`
	Subject string `json:"subject,omitempty"`
	Text    string `json:"text"`
}

// Overview gathers the plots since the given time, with every step there is (also empty ones), and the warnings.
func (m *Manager) Overview(ctx context.Context, since time.Time) (Overview, error) {
	return Overview{}, errors.ErrUnsupported
}

// Authenticator is a way of proving who the user is.
type Authenticator struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	AMR         string `json:"amr"` // RFC 8176
	Description string `json:"description"`
}

// Authenticators lists those that this server has.
func Authenticators() []Authenticator { return nil }
