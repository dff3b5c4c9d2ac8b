package api

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"net/http"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed openapi.yaml
var openapi []byte

// The document says these where a server's own addresses belong.
const (
	documentAdmin   = "https://admin.example"
	documentRuntime = "https://login.example"
	issuerPath      = "/oauth/v2/oauth-anonymous"
)

// node is a part of the document. What is not there is the zero node, which has nothing in it. The order of members is
// kept: the document is written to be read.
type node struct{ *yaml.Node }

// readDocument reads the document with a node's own addresses in it.
func readDocument(o Options) node {
	var doc yaml.Node
	if err := yaml.Unmarshal(openapi, &doc); err != nil {
		panic("openapi.yaml: " + err.Error()) // it is part of the program
	}
	addresses := strings.NewReplacer(documentAdmin, o.AdminURL, documentRuntime, strings.TrimSuffix(o.Issuer, issuerPath))
	fillIn(&doc, addresses)
	return node{doc.Content[0]}
}

func fillIn(n *yaml.Node, addresses *strings.Replacer) {
	if n.Kind == yaml.ScalarNode {
		n.Value = addresses.Replace(n.Value)
	}
	for _, inner := range n.Content {
		fillIn(inner, addresses)
	}
}

// get finds a member.
func (n node) get(names ...string) node {
	for _, name := range names {
		found := node{}
		for key, value := range n.members {
			if key == name {
				found = value
			}
		}
		n = found
	}
	return n
}

// members goes through the members of an object.
func (n node) members(yield func(string, node) bool) {
	if n.Node == nil || n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if !yield(n.Content[i].Value, node{n.Content[i+1]}) {
			return
		}
	}
}

// items goes through a list.
func (n node) items(yield func(node) bool) {
	if n.Node == nil || n.Kind != yaml.SequenceNode {
		return
	}
	for _, one := range n.Content {
		if !yield(node{one}) {
			return
		}
	}
}

// text is a text, number or boolean as it stands there.
func (n node) text() string {
	if n.Node == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}

// json is the same as JSON.
func (n node) json() []byte {
	var b bytes.Buffer
	n.writeJSON(&b)
	return b.Bytes()
}

func (n node) writeJSON(b *bytes.Buffer) {
	separate := ""
	switch n.Kind {
	case yaml.MappingNode:
		b.WriteByte('{')
		for name, value := range n.members {
			b.WriteString(separate)
			writeScalar(b, name)
			b.WriteByte(':')
			value.writeJSON(b)
			separate = ","
		}
		b.WriteByte('}')
	case yaml.SequenceNode:
		b.WriteByte('[')
		for one := range n.items {
			b.WriteString(separate)
			one.writeJSON(b)
			separate = ","
		}
		b.WriteByte(']')
	default:
		var v any
		if err := n.Decode(&v); err != nil {
			panic("openapi.yaml: " + err.Error())
		}
		writeScalar(b, v)
	}
}

func writeScalar(b *bytes.Buffer, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic("openapi.yaml: " + err.Error())
	}
	b.Write(text)
}

// Document serves the OpenAPI document, as JSON, to everybody; Reference renders it for people.
func (a *API) Document(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.Write(a.document)
}
