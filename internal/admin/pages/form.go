package pages

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
)

// maxForm bounds a posted form: a client may have some hundred addresses, and what they were before goes along.
const maxForm = 2 << 20

// form is what a person edits: what stands in the fields, what it was when the form was made, and what is wrong with it.
type form struct {
	url.Values
	// Based is what stood in the fields when the form was made, as a query string; Version that of the thing then.
	Based   string
	Version int64
	Faults  manage.Invalid
}

// newForm begins with what a thing has.
func newForm(values url.Values, version int64) *form {
	if values == nil {
		values = url.Values{}
	}
	return &form{Values: values, Based: values.Encode(), Version: version}
}

// readForm reads what was posted, and nothing of the address.
func readForm(c *route.Call) (*form, error) {
	c.R.Body = http.MaxBytesReader(c.W, c.R.Body, maxForm)
	if err := c.R.ParseForm(); err != nil {
		return nil, unreadable(err)
	}
	f := &form{Values: c.R.PostForm, Based: c.R.PostForm.Get("form_based")}
	if version, err := strconv.ParseInt(c.R.PostForm.Get("form_version"), 10, 64); err == nil && version > 0 {
		f.Version = version
	}
	f.Del("form_based")
	f.Del("form_version")
	return f, nil
}

// unreadable says why a posted form cannot be read.
func unreadable(err error) error {
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return manage.Invalid{{Field: "form", Problem: "it is larger than this server takes"}}
	}
	return manage.Invalid{{Field: "form", Problem: "it cannot be read"}}
}

// text is the value of a field, without space around it.
func (f *form) text(name string) string { return strings.TrimSpace(f.Get(name)) }

// on tells whether a box is ticked.
func (f *form) on(name string) bool { return f.Get(name) != "" }

// list are the values of a group of boxes, or of a select that takes several; empty ones are nothing.
func (f *form) list(name string) []string {
	var list []string
	for _, v := range f.Values[name] {
		if v != "" {
			list = append(list, v)
		}
	}
	return list
}

// lines are the lines of a field that holds one entry in each.
func (f *form) lines(name string) []string {
	var list []string
	for line := range strings.Lines(f.Get(name)) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

// number reads a whole number; an empty field is 0, and what is none is a fault.
func (f *form) number(name string) int {
	text := f.text(name)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		f.fault(name, "this is no whole number")
	}
	return n
}

// fault says that something is wrong with a field.
func (f *form) fault(name, problem string) {
	f.Faults = append(f.Faults, manage.Fault{Field: name, Problem: problem})
}

// refused takes what manage found wrong to the fields; false where err is something else.
func (f *form) refused(err error) bool {
	var invalid manage.Invalid
	if !errors.As(err, &invalid) {
		return false
	}
	f.Faults = append(f.Faults, invalid...)
	return true
}

// as makes strings of a list of names, and typed a list of names of strings.
func as[T, S ~string](list []S) []T {
	if len(list) == 0 {
		return nil
	}
	out := make([]T, len(list))
	for i, v := range list {
		out[i] = T(v)
	}
	return out
}

// picked is what was chosen from a list: what was there already stays in its order, so that nothing seems changed.
func picked[T comparable](was, chosen []T) []T {
	var list []T
	for _, v := range was {
		if slices.Contains(chosen, v) && !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	for _, v := range chosen {
		if !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	return list
}

// field is one field for a template to draw.
type field struct {
	Name, ID, Label, Help, Value string
	Values                       []string
	Problems                     []string
	Options                      []option
	Required, Mono, Bare         bool
	Type, Autocomplete, Example  string
	Suffix                       string
	Rows                         int
}

// Field draws a field that holds text: {{template "text" (.V.Form.Field "name" "Users read it." "required")}}. Its label
// is that of its name; the options are required, bare (it says neither required nor
// optional), mono, label=, type=, autocomplete=, example=, rows= and suffix=.
func (f *form) Field(name, help string, options ...string) field {
	v := field{Name: name, ID: "f-" + name, Label: label(name), Help: help, Value: f.Get(name), Values: f.Values[name], Type: "text", Rows: 4}
	for _, fault := range f.Faults {
		if fault.Field == name {
			v.Problems = append(v.Problems, fault.Problem)
		}
	}
	for _, o := range options {
		key, value, _ := strings.Cut(o, "=")
		v.option(key, value)
	}
	return v
}

func (v *field) option(key, value string) {
	switch key {
	case "required":
		v.Required = true
	case "mono":
		v.Mono = true
	case "bare":
		v.Bare = true
	case "label":
		v.Label = value
	case "type":
		v.Type = value
	case "autocomplete":
		v.Autocomplete = value
	case "example":
		v.Example = value
	case "suffix":
		v.Suffix = value
	case "rows":
		v.Rows, _ = strconv.Atoi(value)
	}
}

// Choice draws a field to choose in: {{template "checkboxes" (.V.Form.Choice "scope" "What it may ask for." .V.Scopes)}},
// and likewise "radios" and "select".
func (f *form) Choice(name, help string, choices []option, options ...string) field {
	v := f.Field(name, help, options...)
	v.Options = choices
	return v
}

// Has tells whether an option is chosen.
func (v field) Has(value string) bool { return slices.Contains(v.Values, value) }

// First tells whether the first of the chosen options is this one; the empty value is chosen where nothing is.
func (v field) First(value string) bool { return v.Value == value }

// DescribedBy names what describes the field to a screen reader.
func (v field) DescribedBy() string {
	var ids []string
	if v.Help != "" {
		ids = append(ids, v.ID+"-help")
	}
	if len(v.Problems) > 0 {
		ids = append(ids, v.ID+"-problem")
	}
	return strings.Join(ids, " ")
}
