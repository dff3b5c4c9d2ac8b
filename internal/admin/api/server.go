package api

import (
	"net/http"
	"time"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

// maxHours is how far back the overview looks: tallies are kept for 90 days.
const maxHours = 90 * 24

func (a *API) showOverview(c *route.Call) error {
	hours, err := whole(c.R.URL.Query(), "hours", 24, 1, maxHours)
	if err != nil {
		return err
	}
	seen, err := c.Manage.Overview(c.R.Context(), c.Manage.Now().Add(-time.Duration(hours)*time.Hour))
	if err != nil {
		return err
	}
	if seen.SignIns == nil {
		seen.SignIns = []manage.Point{}
	}
	if seen.Tokens == nil {
		seen.Tokens = []manage.Point{}
	}
	if seen.Warnings == nil {
		seen.Warnings = []manage.Warning{}
	}
	return answer(c, http.StatusOK, seen)
}

// setting is one setting of this node.
type setting struct {
	Key      string `json:"key"`
	Value    string `json:"value"`
	Default  string `json:"default,omitempty"`
	Help     string `json:"help"`
	Origin   string `json:"origin"`
	Insecure bool   `json:"insecure"`
}

func (a *API) showSettings(c *route.Call) error {
	list := make([]setting, len(a.Settings))
	for i, s := range a.Settings {
		list[i] = setting{s.Key, s.Value, s.Default, s.Help, s.Origin, s.Insecure}
	}
	return answerItems(c, list, nil)
}

func answerProfile(c *route.Call) error {
	p, err := c.Manage.Profile(c.R.Context())
	if err != nil {
		return err
	}
	return answerVersion(c, http.StatusOK, p.Version, manage.ViewProfile(&p))
}

func (a *API) showProfile(c *route.Call) error { return answerProfile(c) }

func (a *API) changeProfile(c *route.Call) error {
	patch, err := object(c, patchTypes)
	if err != nil {
		return err
	}
	read := func() (int64, oauth.Profile, error) {
		p, err := c.Manage.Profile(c.R.Context())
		return p.Version, p, err
	}
	err = changing(c, read, func(m *manage.Manager, now oauth.Profile) error {
		text, err := patched(manage.ViewProfile(&now), patch, fixedOfProfile)
		if err != nil {
			return err
		}
		want, err := manage.ReadProfile(text)
		if err != nil {
			return typed(err)
		}
		_, _, err = m.ChangeProfile(c.R.Context(), func(p *oauth.Profile) error {
			want.PairwiseSalt, want.ManagedBy, want.Version = p.PairwiseSalt, p.ManagedBy, p.Version
			*p = want
			return nil
		})
		return err
	})
	if err != nil {
		return withDifference(c, err, patch, fixedOfProfile)
	}
	return answerProfile(c)
}

func (a *API) releaseProfile(c *route.Call) error {
	if err := c.Manage.ReleaseProfile(c.R.Context()); err != nil {
		return err
	}
	return answerProfile(c)
}

func (a *API) createRegistrationToken(c *route.Call) error {
	asked := struct {
		ValidSeconds int `json:"valid_seconds"`
	}{ValidSeconds: 60 * 60}
	if err := decode(c, &asked); err != nil {
		return err
	}
	most := int(manage.MaxRegistrationToken / time.Second)
	if asked.ValidSeconds < 60 || asked.ValidSeconds > most { // checked here too: a larger number would overflow a duration
		return manage.Invalid{{Field: "valid_seconds", Problem: "it is a number from 60 to 2592000, which is 30 days"}}
	}
	text, expires, err := c.Manage.NewRegistrationToken(c.R.Context(), a.Issuer, time.Duration(asked.ValidSeconds)*time.Second)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, struct {
		Token   string    `json:"token"`
		Expires time.Time `json:"expires"`
	}{text, expires})
}

func (a *API) listAuthenticators(c *route.Call) error {
	return answerItems(c, manage.Authenticators(), nil)
}

func (a *API) listKeys(c *route.Call) error {
	list, err := c.Manage.Keys(c.R.Context())
	return answerItems(c, list, err)
}

func (a *API) rotateKeys(c *route.Call) error {
	keys, err := c.Manage.RotateKeys(c.R.Context())
	if err != nil {
		return err
	}
	made := make([]string, len(keys))
	for i, k := range keys {
		made[i] = k.ID
	}
	return answer(c, http.StatusOK, struct {
		Made []string `json:"made"`
	}{made})
}

func (a *API) revokeKey(c *route.Call) error {
	by, err := c.Manage.RevokeKey(c.R.Context(), c.R.PathValue("id"))
	if err != nil {
		return err
	}
	var done struct {
		Replacement string `json:"replacement,omitempty"`
	}
	if by != nil {
		done.Replacement = by.ID
	}
	return answer(c, http.StatusOK, done)
}
