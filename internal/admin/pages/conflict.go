package pages

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
)

// collision is what happened when two people edited the same thing: the second sees the difference and decides.
type collision struct {
	// What is the thing, as in "The client"; Subject its name.
	What, Subject string
	// Look leads to it as it is now; Action takes the form.
	Look, Action string
	// Form holds the typed values on top of theirs, based on theirs.
	Form *form
	Rows []collisionRow
}

// collisionRow is a field that differs: what it was when the form was made, what it is now, what was typed.
type collisionRow struct {
	Field, Based, Theirs, Typed string
	// Both changed it: only here does one value displace another.
	Both bool
}

// asConflict tells whether somebody else was faster.
func asConflict(err error) (*manage.Conflict, bool) { return errors.AsType[*manage.Conflict](err) }

// conflict shows what a form was based on, what is there now (theirs, in the form's own fields), and what was typed.
// Nothing is overwritten: the button posts what was typed on top of theirs, with their version. Secrets do not go along.
func (p *Pages) conflict(c *route.Call, f *form, theirs url.Values, version int64, v collision) error {
	based, err := url.ParseQuery(f.Based)
	if err != nil {
		based = url.Values{}
	}
	v.Rows = collide(based, theirs, f.Values)
	v.Form = newForm(theirs, version)
	v.Form.Values = onTop(based, theirs, f.Values)
	return p.render(c, http.StatusConflict, "conflict.html", "Somebody else changed this", v)
}

// untouched tells whether all that the form shows is as it was when the form was made.
func (f *form) untouched(theirs url.Values) bool {
	based, err := url.ParseQuery(f.Based)
	if err != nil {
		return false
	}
	for _, name := range fieldNames(based, theirs) {
		if shown(based[name]) != shown(theirs[name]) {
			return false
		}
	}
	return true
}

// neverCarried are fields that are not shown, nor sent along.
var neverCarried = []string{"password", "secret"}

func collide(based, theirs, typed url.Values) []collisionRow {
	var rows []collisionRow
	for _, name := range fieldNames(based, theirs, typed) {
		b, t, m := shown(based[name]), shown(theirs[name]), shown(typed[name])
		if b == t && t == m {
			continue
		}
		rows = append(rows, collisionRow{name, b, t, m, b != t && b != m && t != m})
	}
	return rows
}

// onTop takes what was changed in the form, and theirs for all that was left as it was.
func onTop(based, theirs, typed url.Values) url.Values {
	out := url.Values{}
	for _, name := range fieldNames(based, theirs, typed) {
		from := theirs
		if shown(based[name]) != shown(typed[name]) {
			from = typed
		}
		if values := from[name]; len(values) > 0 {
			out[name] = values
		}
	}
	return out
}

func fieldNames(sets ...url.Values) []string {
	names := map[string]bool{}
	for _, set := range sets {
		for name := range set {
			if !slices.Contains(neverCarried, name) {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// shown is a field's value as one text; forms end lines with CR LF. Of what was chosen from a list the order says nothing.
func shown(values []string) string {
	if len(values) > 1 {
		values = slices.Sorted(slices.Values(values))
	}
	return strings.TrimSpace(strings.ReplaceAll(strings.Join(values, "\n"), "\r\n", "\n"))
}
