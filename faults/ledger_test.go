package main

import (
	"slices"
	"testing"
	"time"
)

func TestATokenEndsWithWhatItDependsOn(t *testing.T) {
	for _, c := range []struct {
		token, family, session, want state
	}{
		{live, live, live, live},
		{ended, live, live, ended},
		{live, ended, live, ended},
		{live, live, ended, ended},
		{maybe, live, live, maybe},
		{live, maybe, live, maybe},
		{live, live, maybe, maybe},
		{maybe, live, ended, ended},
		{live, maybe, ended, ended},
	} {
		s := &session{state: c.session}
		token := accessToken{state: c.token, session: s, family: &family{state: c.family, session: s}}
		if got := token.expected(); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

func at(o outcome, status int, e excuse) answer {
	return answer{outcome: o, status: status, excuse: e, node: &node{name: "n"}, start: time.Now(), end: time.Now()}
}

func TestWhatIsExcused(t *testing.T) {
	slow := at(answered, 200, excuse{unavailable: true})
	slow.start = slow.end.Add(-promised - slack - time.Millisecond)
	for name, c := range map[string]struct {
		a    answer
		want int // violations; a 503 without Retry-After is one where it is excused
	}{
		"an answer":              {at(answered, 200, excuse{}), 0},
		"a refusal":              {at(answered, 400, excuse{}), 0},
		"5xx":                    {at(broken, 500, excuse{unavailable: true, breaks: true, unreachable: true}), 1},
		"lost":                   {at(lost, 0, excuse{unreachable: true, unavailable: true}), 1},
		"lost, killed":           {at(lost, 0, excuse{breaks: true}), 0},
		"unreachable":            {at(unreachable, 0, excuse{unavailable: true}), 1},
		"unreachable, stopped":   {at(unreachable, 0, excuse{unreachable: true}), 0},
		"503":                    {at(unavailable, 503, excuse{}), 1},
		"503, no retry after":    {at(unavailable, 503, excuse{unavailable: true}), 1},
		"message, database away": {at(unavailable, 200, excuse{unavailable: true}), 0},
		"slow":                   {slow, 1},
	} {
		l := newLedger()
		if l.note(c.a); len(l.violations) != c.want {
			t.Errorf("%s: %+v", name, l.violations)
		}
	}
}

func TestARevokedTokenIsNeverExcused(t *testing.T) {
	l := newLedger()
	shifted := at(answered, 200, excuse{refuses: true})
	if l.wrong("a refusal", shifted, &trail{}); len(l.violations) != 0 || l.refusals != 1 {
		t.Errorf("a shifted node may refuse: %+v", l.violations)
	}
	if l.wrong(worst+"a token", shifted, &trail{}); len(l.violations) != 1 {
		t.Error("a revoked token may be active at a shifted node")
	}
}

func TestSubjectsAreOneUsers(t *testing.T) {
	l, a := newLedger(), at(answered, 200, excuse{})
	l.subject("ann", "1", a)
	l.subject("ann", "1", a)
	l.subject("ben", "2", a)
	if len(l.violations) != 0 {
		t.Errorf("%+v", l.violations)
	}
	l.subject("ben", "1", a)
	l.subject("ann", "", a)
	if len(l.violations) != 2 {
		t.Errorf("%+v", l.violations)
	}
}

func TestLongestGap(t *testing.T) {
	l := newLedger()
	for _, second := range []time.Duration{4, 1, 2} { // answers come in any order
		l.successes = append(l.successes, l.began.Add(second*time.Second))
	}
	for end, want := range map[time.Duration]time.Duration{5: 2, 9: 5} {
		if got := l.longestGap(l.began.Add(end * time.Second)); got != want*time.Second {
			t.Errorf("until %d s: %s", end, got)
		}
	}
}

func TestRowsHaveTitlesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rows() {
		if seen[r.title()] {
			t.Errorf("two rows are %s", r.title())
		}
		seen[r.title()] = true
		if r.fault == nil || r.short == 0 || r.long < r.short || r.recovery == 0 || r.nodes == 0 {
			t.Errorf("%s lacks something", r.title())
		}
	}
	all := rows()
	if got := choose(all, "sqlite/kill,pgbouncer"); len(got) != 2 || got[0].title() != "sqlite/kill" {
		t.Errorf("%d rows", len(got))
	}
	if !slices.ContainsFunc(choose(all, ""), func(r row) bool { return r.name == "promoted-standby" }) {
		t.Error("without a choice, rows are missing")
	}
}
