package server

import (
	"net/http"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

const trialOrigin = "https://localhost:6749"

// onTrial lets an operator try the client "app" for ten minutes.
func onTrial(t *testing.T) *world {
	w := newWorld(t)
	c, err := w.store.Client(t.Context(), "app")
	w.must(err)
	c.TrialOrigin, c.TrialUntil = trialOrigin, w.clock.Now().Add(10*time.Minute)
	w.changed(w.store.PutClient(t.Context(), c, c.Version, noAudit))
	return w
}

func trial() string { return assisted("client_id", "app", "for_origin", trialOrigin, "prompt", "none") }

func TestATrialOriginIsAllowedForItsTime(t *testing.T) {
	w := onTrial(t)
	b := w.browser()
	if to, _ := b.frame(trial()).message(); to != trialOrigin {
		t.Errorf("answered %q", to)
	}
	if to, _ := b.frame(assisted("client_id", "app", "prompt", "none")).message(); to != appOrigin {
		t.Errorf("without for_origin: %q", to)
	}
	b.frame(assisted("client_id", "jwt", "for_origin", trialOrigin, "prompt", "none")).wantPlain(http.StatusBadRequest)
	w.clock.pass(10 * time.Minute)
	w.must(w.server.refreshIfChanged(t.Context()))
	if w.second != nil {
		w.must(w.second.server.refreshIfChanged(t.Context()))
	}
	b.frame(trial()).wantPlain(http.StatusBadRequest)
}

func TestATrialThatEndedDoesNotMakeANodeReadForEver(t *testing.T) {
	w := onTrial(t)
	w.clock.pass(time.Hour)
	w.must(w.server.refreshIfChanged(t.Context()))
	before := w.store.Stats().Reads
	w.must(w.server.refreshIfChanged(t.Context()))
	if read := w.store.Stats().Reads - before; read != 1 {
		t.Errorf("%d reads", read)
	}
}

func TestATrialOriginIsNoPlaceToSendPagesBackTo(t *testing.T) {
	w := onTrial(t)
	snap := w.server.current.Load()
	if o := snap.literalOrigin(trialOrigin); !o.IsZero() {
		t.Error("it counts as one that a client lists")
	}
	if o := snap.anyClientsOrigin(trialOrigin); o.IsZero() {
		t.Error("its preflights are not answered")
	}
	c, err := w.store.Client(t.Context(), "app")
	w.must(err)
	if len(c.AllowedOrigins) != 1 || oauth.OriginPattern(trialOrigin) == c.AllowedOrigins[0] {
		t.Errorf("stored: %v", c.AllowedOrigins)
	}
}
