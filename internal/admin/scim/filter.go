package scim

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
)

// What a filter may cost.
const (
	maxFilter = 4096 // bytes
	maxNested = 32   // levels of brackets
	maxTerms  = 50   // comparisons, one that is repeated in a row of "and" or "or" counting once
)

// filter is a node of a parsed filter (RFC 7644 §3.4.2.2).
type filter struct {
	// op is "and", "or", "not", "[]" (values of attr that match the one operand), "pr", or a comparison.
	op       string
	attr     attribute
	value    any    // of a comparison: string, json.Number, bool, nil
	folded   string // value where it is a text, without regard to case
	operands []*filter
}

// String is the filter in one form.
func (f *filter) String() string {
	switch f.op {
	case "and", "or":
		return "(" + f.operands[0].String() + " " + f.op + " " + f.operands[1].String() + ")"
	case "not":
		return "not (" + f.operands[0].String() + ")"
	case "[]":
		return f.attr.String() + "[" + f.operands[0].String() + "]"
	case "pr":
		return f.attr.String() + " pr"
	}
	value, _ := json.Marshal(f.value) // what was parsed can be written
	return f.attr.String() + " " + f.op + " " + string(value)
}

// terms is how many comparisons there are.
func (f *filter) terms() int {
	if len(f.operands) == 0 {
		return 1
	}
	n := 0
	for _, inner := range f.operands {
		n += inner.terms()
	}
	return n
}

// comparisons are the operators that compare with a value.
var comparisons = map[string]bool{"eq": true, "ne": true, "co": true, "sw": true, "ew": true, "gt": true, "ge": true, "lt": true, "le": true}

// parser reads a filter from left to right: or binds weaker than and, and weaker than not (RFC 7644 §3.4.2.2).
type parser struct {
	rest   string
	levels int
	within bool // a value filter, in which there is no other
}

// parseFilter reads a whole filter.
func parseFilter(text string) (*filter, error) {
	if len(text) > maxFilter || !utf8.ValidString(text) {
		return nil, bad(invalidFilter, "A filter is text of at most %d bytes.", maxFilter)
	}
	p := &parser{rest: text, levels: maxNested}
	f, err := p.or()
	if err != nil {
		return nil, err
	}
	if f.terms() > maxTerms {
		return nil, bad(invalidFilter, "A filter has at most %d comparisons.", maxTerms)
	}
	if p.skip(); p.rest != "" {
		return nil, p.unexpected("the end")
	}
	return f, nil
}

func (p *parser) unexpected(wanted string) error {
	at := p.rest
	if at == "" {
		return bad(invalidFilter, "The filter ends where %s belongs.", wanted)
	}
	return bad(invalidFilter, "There is %.40q where %s belongs.", at, wanted)
}

func (p *parser) skip() { p.rest = strings.TrimLeft(p.rest, " ") }

// word reads a word if it stands there, whatever its case.
func (p *parser) word(word string) bool {
	p.skip()
	if len(p.rest) < len(word) || !strings.EqualFold(p.rest[:len(word)], word) {
		return false
	}
	if after := p.rest[len(word):]; after == "" || strings.IndexByte(" ()[]", after[0]) >= 0 {
		p.rest = after
		return true
	}
	return false
}

func (p *parser) sign(sign byte) bool {
	p.skip()
	if p.rest == "" || p.rest[0] != sign {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *parser) or() (*filter, error) { return p.joined("or", p.and) }

func (p *parser) and() (*filter, error) { return p.joined("and", p.one) }

func (p *parser) joined(op string, next func() (*filter, error)) (*filter, error) {
	left, err := next()
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{left.String(): true}
	for p.word(op) {
		right, err := next()
		if err != nil {
			return nil, err
		}
		if text := right.String(); !seen[text] { // to ask the same twice changes nothing
			seen[text] = true
			left = &filter{op: op, operands: []*filter{left, right}}
		}
	}
	return left, nil
}

func (p *parser) one() (*filter, error) {
	if p.word("not") {
		if p.skip(); !strings.HasPrefix(p.rest, "(") {
			return nil, p.unexpected("(")
		}
		f, err := p.grouped(')', p.or)
		return &filter{op: "not", operands: []*filter{f}}, err
	}
	if p.skip(); strings.HasPrefix(p.rest, "(") {
		return p.grouped(')', p.or)
	}
	return p.comparison()
}

// grouped reads what stands in brackets, the opening one of which comes next.
func (p *parser) grouped(closing byte, inner func() (*filter, error)) (*filter, error) {
	if p.levels--; p.levels < 0 {
		return nil, bad(invalidFilter, "The filter is nested too deeply.")
	}
	p.rest = p.rest[1:]
	f, err := inner()
	if err == nil && !p.sign(closing) {
		err = p.unexpected(string(closing))
	}
	p.levels++
	return f, err
}

func (p *parser) comparison() (*filter, error) {
	p.skip()
	end := strings.IndexAny(p.rest, " ()[]\"")
	if end < 0 {
		end = len(p.rest)
	}
	attr, ok := parseAttribute(p.rest[:end])
	if !ok {
		return nil, p.unexpected("an attribute")
	}
	p.rest = p.rest[end:]
	if strings.HasPrefix(p.rest, "[") {
		if p.within || attr.sub != "" {
			return nil, p.unexpected("a comparison")
		}
		p.within = true
		f, err := p.grouped(']', p.or)
		p.within = false
		return &filter{op: "[]", attr: attr, operands: []*filter{f}}, err
	}
	if p.word("pr") {
		return &filter{op: "pr", attr: attr}, nil
	}
	for op := range comparisons {
		if p.word(op) {
			value, err := p.value()
			text, _ := value.(string)
			return &filter{op: op, attr: attr, value: value, folded: cases.Fold().String(text)}, err
		}
	}
	return nil, p.unexpected("a comparison (eq, ne, co, sw, ew, gt, ge, lt, le, pr)")
}

// value reads a JSON value that is no object and no list. Some directories write True and False.
func (p *parser) value() (any, error) {
	for word, v := range map[string]any{"true": true, "false": false, "null": nil} {
		if p.word(word) {
			return v, nil
		}
	}
	p.skip()
	end := 0
	if strings.HasPrefix(p.rest, `"`) {
		for end = 1; end < len(p.rest) && p.rest[end] != '"'; end++ {
			if p.rest[end] == '\\' {
				end++
			}
		}
		end = min(end+1, len(p.rest))
	} else if end = strings.IndexAny(p.rest, " ()[]"); end < 0 {
		end = len(p.rest)
	}
	d := json.NewDecoder(strings.NewReader(p.rest[:end]))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil || d.InputOffset() != int64(end) {
		return nil, p.unexpected("a value (a text in quotes, a number, true, false, null)")
	}
	switch v.(type) {
	case string, json.Number:
		p.rest = p.rest[end:]
		return v, nil
	}
	return nil, p.unexpected("a value (a text in quotes, a number, true, false, null)")
}
