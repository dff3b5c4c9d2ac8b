package authn

import (
	"math"
	"time"
)

// ThrottleView is what operators see of the guesses at one user's password.
type ThrottleView struct {
	// Cause and Until say why and until when a browser that the user did not use before is refused on
	// any network; empty where it is not.
	Cause Cause      `json:"cause,omitempty"`
	Until *time.Time `json:"until,omitempty"`
	// Guesses are the wrong ones that still count, rounded up.
	Guesses  int           `json:"guesses"`
	Networks []NetworkView `json:"networks"`
	Browsers int           `json:"known_browsers"`
}

// NetworkView is a network that guessed; Until is set where it is refused.
type NetworkView struct {
	Network string     `json:"network"`
	Guesses int        `json:"guesses"`
	Last    time.Time  `json:"last"`
	Until   *time.Time `json:"until,omitempty"`
}

// View is what counts now.
func (t *Throttle) View(now time.Time) ThrottleView {
	at := now.UnixMilli()
	total := t.tries.Total.after(signIn.totalPerDay, at)
	v := ThrottleView{
		Guesses: ceil(total.Guesses), Networks: []NetworkView{}, Browsers: len(t.browsers),
	}
	if v.Until = endOf(now, signIn.wait(0, total.Guesses)); v.Until != nil {
		v.Cause = CauseAccount
	}
	for i := len(t.tries.Sources) - 1; i >= 0; i-- { // the latest first
		s := t.tries.Sources[i]
		guesses := s.after(signIn.sourcePerDay, at).Guesses
		if guesses == 0 {
			continue
		}
		v.Networks = append(v.Networks, NetworkView{
			Network: s.Name, Guesses: ceil(guesses), Last: time.UnixMilli(s.At).UTC(),
			Until: endOf(now, signIn.wait(guesses, total.Guesses)),
		})
	}
	return v
}

func ceil(guesses float64) int { return int(math.Ceil(guesses - 1e-6)) }

// endOf is when a wait ends; nil where there is none.
func endOf(now time.Time, wait time.Duration) *time.Time {
	if wait == 0 {
		return nil
	}
	end := now.Add(wait).UTC().Truncate(time.Second)
	return &end
}
