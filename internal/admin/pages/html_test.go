package pages

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
)

// node is an element, or (without a name) a text.
type node struct {
	name  string
	attrs map[string]string
	body  string
	kids  []*node
}

// parse reads a page. Our pages close what they open, save elements that never have an end, so a reader of XML that knows
// these will do; what is nested wrongly is an error.
func parse(page string) (*node, error) {
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.Entity = false, xml.HTMLEntity
	root := &node{}
	open := []*node{root}
	for {
		t, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			if len(open) != 1 {
				return nil, fmt.Errorf("<%s> is never closed", open[len(open)-1].name)
			}
			return root, nil
		}
		if err != nil {
			return nil, err
		}
		top := open[len(open)-1]
		switch t := t.(type) {
		case xml.StartElement:
			n := &node{name: t.Name.Local, attrs: map[string]string{}}
			for _, a := range t.Attr {
				n.attrs[a.Name.Local] = a.Value
			}
			top.kids = append(top.kids, n)
			if !void[n.name] {
				open = append(open, n)
			}
		case xml.EndElement:
			if void[t.Name.Local] { // the reader makes one of <path/>
				continue
			}
			if top.name != t.Name.Local {
				line, _ := d.InputPos()
				return nil, fmt.Errorf("line %d: </%s> closes <%s>", line, t.Name.Local, top.name)
			}
			open = open[:len(open)-1]
		case xml.CharData:
			top.kids = append(top.kids, &node{body: string(t)})
		}
	}
}

var void = map[string]bool{"meta": true, "link": true, "input": true, "br": true, "img": true, "hr": true}

func (n *node) has(key string) bool {
	_, there := n.attrs[key]
	return there
}

// walk yields the node and all below it.
func (n *node) walk() iter.Seq[*node] {
	return func(yield func(*node) bool) { n.each(yield) }
}

func (n *node) each(yield func(*node) bool) bool {
	if !yield(n) {
		return false
	}
	for _, kid := range n.kids {
		if !kid.each(yield) {
			return false
		}
	}
	return true
}

// raw is the text as it stands, text the one that a reader sees.
func (n *node) raw() string {
	var b strings.Builder
	for d := range n.walk() {
		b.WriteString(d.body)
	}
	return b.String()
}

func (n *node) text() string { return strings.Join(strings.Fields(n.raw()), " ") }
