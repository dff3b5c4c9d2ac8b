package manage

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

func TestOverviewPlotsEveryStep(t *testing.T) {
	m, now := newManager(t) // at 03:04:05
	if err := m.CreatePublicClient(t.Context(), spa()); err != nil {
		t.Fatal(err)
	}
	startSession(t, m, mustCreate(t, m, "ann").ID, *now)
	ten := now.Truncate(store.TallyStep)
	add := []store.Tally{
		{At: ten, Name: store.TallyTokens, Count: 5}, {At: ten.Add(-20 * time.Minute), Name: store.TallyTokens, Count: 7},
		{At: ten.Add(-20 * time.Minute), Name: store.TallySignIns, Count: 2}, {At: ten.Add(-time.Hour), Name: store.TallyTokens, Count: 100},
	}
	if err := m.Store.AddTallies(t.Context(), add); err != nil {
		t.Fatal(err)
	}
	o, err := m.Overview(t.Context(), now.Add(-30*time.Minute))
	if err != nil || o.Sessions != 1 || o.Clients != 1 || o.Step != 600 {
		t.Fatalf("%+v, %v", o, err)
	}
	counts := func(points []Point) string {
		var text []string
		for _, p := range points {
			text = append(text, fmt.Sprintf("%s=%d", p.At.Format("15:04"), p.Count))
		}
		return strings.Join(text, " ")
	}
	if got := counts(o.Tokens); got != "02:30=0 02:40=7 02:50=0 03:00=5" {
		t.Errorf("tokens: %s", got)
	}
	if got := counts(o.SignIns); got != "02:30=0 02:40=2 02:50=0 03:00=0" {
		t.Errorf("sign-ins: %s", got)
	}
}

func TestOverviewIsBounded(t *testing.T) {
	m, _ := newManager(t)
	o, err := m.Overview(t.Context(), time.Time{})
	if err != nil || len(o.Tokens) != 90*24*6+1 {
		t.Errorf("%d points, %v", len(o.Tokens), err)
	}
}

func TestOverviewWarns(t *testing.T) {
	snap := store.Snapshot{Profile: oauth.DefaultProfile()}
	snap.Profile.Registration = oauth.RegistrationInsecureOpen
	for i := range 60 {
		c := spa()
		c.ID, c.Disabled = fmt.Sprintf("c%d", i), i == 0
		c.AllowedOrigins = []oauth.OriginPattern{"*"}
		snap.Clients = append(snap.Clients, c)
	}
	var o Overview
	o.warn(&snap)
	if len(o.Warnings) != 50 || o.MoreWarnings != 10 {
		t.Fatalf("%d warnings and %d more", len(o.Warnings), o.MoreWarnings)
	}
	if w := o.Warnings[0]; w.Kind != store.KindProfile || !strings.HasPrefix(w.Text, "registration insecure_open") {
		t.Errorf("%+v", w)
	}
	if w := o.Warnings[1]; w.Kind != store.KindClient || w.Subject != "c1" {
		t.Errorf("a disabled client is warned about, or this is not about c1: %+v", w)
	}
}

func TestAuthenticatorsSayHowPasswordsAreKept(t *testing.T) {
	list := Authenticators()
	if len(list) != 1 || list[0].AMR != "pwd" || !strings.Contains(list[0].Description, "argon2id hashes (19 MiB, 2 passes, 1 lane)") {
		t.Errorf("%+v", list)
	}
}
