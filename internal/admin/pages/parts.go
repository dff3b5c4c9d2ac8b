package pages

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/usher-id/usher/internal/manage"
)

// codeBlock is something to copy.
type codeBlock struct {
	ID, Label, Text string
	// Wrap breaks long lines: for links and secrets.
	Wrap bool
}

// code is for templates: {{template "code" (code "snippet" "Code for JavaScript" .Code)}}.
func code(id, label, text string) codeBlock { return codeBlock{ID: id, Label: label, Text: text} }

// wrapped is code whose long lines are broken.
func wrapped(id, label, text string) codeBlock { return codeBlock{id, label, text, true} }

// managed says that a file manages a thing; Release leads to the form that gives it back, empty for who may not.
type managed struct{ What, By, Release string }

// actorView is who did something, as pages show it.
type actorView struct{ Kind, Name, Link string }

// actor reads an actor of the audit log: "operator:ann", "client:portal", "cli:root", "user", "system".
func actor(text string) actorView {
	kind, name, named := strings.Cut(text, ":")
	switch {
	case kind == "operator" && named:
		return actorView{"operator", name, "/admin/accounts?q=" + url.QueryEscape(name)}
	case kind == "client" && named:
		return actorView{"client", name, "/admin/clients/" + url.PathEscape(name)}
	case kind == "cli" && named:
		return actorView{"command line of", name, ""}
	}
	return actorView{text, "", ""}
}

// diffLine is one line of a difference: of before, of after, or of both.
type diffLine struct {
	Was, Is bool
	Text    string
}

// diffLines shows a difference line by line; of lists, what was taken and what was added.
func diffLines(d manage.Difference) []diffLine {
	before, after := valueLines(d.Before), valueLines(d.After)
	rest := slices.Clone(after)
	var lines []diffLine
	for _, b := range before {
		if i := slices.Index(rest, b); i >= 0 {
			rest = slices.Delete(rest, i, i+1)
			lines = append(lines, diffLine{Text: b})
			continue
		}
		lines = append(lines, diffLine{Was: true, Text: b})
	}
	for _, a := range rest {
		lines = append(lines, diffLine{Is: true, Text: a})
	}
	return lines
}

// valueLines are the lines of a value: a list's entries, an object's form over several lines, or the value itself.
func valueLines(value json.RawMessage) []string {
	if len(value) == 0 || string(value) == "null" {
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(value, &list) == nil {
		var lines []string
		for _, v := range list {
			lines = append(lines, plainValue(v))
		}
		return lines
	}
	return strings.Split(plainValue(value), "\n")
}

// plainValue is a text without its quotes, and JSON otherwise.
func plainValue(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	var indented bytes.Buffer
	if value[0] == '{' && json.Indent(&indented, value, "", "  ") == nil {
		return indented.String()
	}
	return string(value)
}
