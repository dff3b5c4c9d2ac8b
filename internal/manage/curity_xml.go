package manage

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"github.com/usher-id/usher/internal/oauth"
)

const (
	// maxXMLDepth is deeper than that product nests.
	maxXMLDepth = 64
	// maxXMLElements bounds what is kept of clients and scopes.
	maxXMLElements = 500_000
)

// element is an XML element by its local name: configurations differ in prefixes, and nest the same names.
type element struct {
	name, text string
	line       int
	children   []*element
}

// child finds the first one of the name; nil where there is none.
func (e *element) child(name string) *element {
	for _, c := range e.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// textOf is the text of the first child of the name.
func (e *element) textOf(name string) string {
	if c := e.child(name); c != nil {
		return c.text
	}
	return ""
}

// isOn reads a switch: an empty element is one that is on.
func (e *element) isOn() bool { return e.text != "false" }

// curityFile is what there is to take over.
type curityFile struct {
	clients, scopes []*element
	stores          int // client stores, of whatever kind
}

// xmlReader walks through a configuration and keeps clients and scopes. encoding/xml reads no external entities.
type xmlReader struct {
	decoder *xml.Decoder
	path    []string
	kept    int
	file    curityFile
}

// readCurity reads that product's XML configuration.
func readCurity(text []byte) (*curityFile, error) {
	var f lineFaults
	if len(text) > MaxFile {
		f.add(1, "", "the file has more than %d MiB", MaxFile>>20)
		return nil, f.err()
	}
	r := &xmlReader{decoder: xml.NewDecoder(bytes.NewReader(text))}
	err := r.read()
	line, _ := r.decoder.InputPos()
	var syntax *xml.SyntaxError
	switch {
	case errors.As(err, &syntax):
		f.add(syntax.Line, "", "this is no XML: %s", oauth.Printable(syntax.Msg))
	case err != nil:
		f.add(line, "", "%s", oauth.Printable(err.Error()))
	case r.file.stores == 0:
		f.add(1, "", "there is no client store in this file: give the XML configuration that the product exports")
	}
	return &r.file, f.err()
}

func (r *xmlReader) read() error {
	for {
		t, err := r.decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if err := r.start(t.Name.Local); err != nil {
				return err
			}
		case xml.EndElement:
			r.path = r.path[:len(r.path)-1]
		}
	}
}

// start keeps a client within a client store, and a scope among the scopes of the profile.
func (r *xmlReader) start(name string) error {
	parent := ""
	if len(r.path) > 0 {
		parent = r.path[len(r.path)-1]
	}
	if name == "client-store" {
		r.file.stores++
	}
	var keep *[]*element
	switch {
	case name == "client" && r.within("client-store"):
		keep = &r.file.clients
	case name == "scope" && parent == "scopes":
		keep = &r.file.scopes
	default:
		if len(r.path) >= maxXMLDepth {
			return errors.New("this is nested deeper than such a configuration is")
		}
		r.path = append(r.path, name)
		return nil
	}
	e, err := r.element(name, len(r.path))
	if err == nil {
		*keep = append(*keep, e)
	}
	return err
}

func (r *xmlReader) within(name string) bool {
	for _, p := range r.path {
		if p == name {
			return true
		}
	}
	return false
}

// element reads the rest of an element that has begun.
func (r *xmlReader) element(name string, depth int) (*element, error) {
	line, _ := r.decoder.InputPos()
	e := &element{name: name, line: line}
	if r.kept++; r.kept > maxXMLElements || depth > maxXMLDepth {
		return nil, errors.New("the clients of this file have more elements, or deeper ones, than can be read")
	}
	var text strings.Builder
	for {
		t, err := r.decoder.Token()
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			child, err := r.element(t.Name.Local, depth+1)
			if err != nil {
				return nil, err
			}
			e.children = append(e.children, child)
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			e.text = strings.TrimSpace(text.String())
			return e, nil
		}
	}
}
