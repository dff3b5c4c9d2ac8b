package api

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/web"
)

//go:embed reference.html
var referenceHTML string

var referencePage = template.Must(template.New("reference").Parse(referenceHTML))

// section is one section of the reference: the operations of one tag, or (with none) the schemas.
type section struct {
	Name, Description string
	Operations        []operation
	Schemas           []schema
}

type operation struct {
	ID, Method, Path, Summary, Description string
	Role                                   string // the least that may do it
	Parameters                             []member
	Bodies                                 []content
	Answers                                []result
	Curl                                   string
}

// member is a row of a table: a parameter, or a member of an object.
type member struct {
	Name, In, Description string
	Type                  kind
	Required              bool
}

// kind is the type of a value; Ref is the schema that says more.
type kind struct{ Text, Ref string }

type content struct {
	Type string
	Kind kind
	// Members are those of an object that has no name of its own.
	Members []member
}

type result struct {
	Status, Description string
	Contents            []content
}

type schema struct {
	Name, Description string
	Members           []member
	// More is a schema whose members this one has too.
	More string
	Enum []string
}

// sections makes the reference of the document.
func (n node) sections() []section {
	var list []section
	for tag := range n.get("tags").items {
		list = append(list, section{Name: tag.get("name").text(), Description: tag.get("description").text()})
	}
	for path, item := range n.get("paths").members {
		for method, op := range item.members {
			for tag := range op.get("tags").items {
				i := slices.IndexFunc(list, func(s section) bool { return s.Name == tag.text() })
				list[i].Operations = append(list[i].Operations, n.operation(strings.ToUpper(method), path, op))
			}
		}
	}
	last := section{Name: "Schemas", Description: "What is sent and answered, member by member."}
	for name, s := range n.get("components", "schemas").members {
		one := schema{Name: name, Description: s.get("description").text(), Members: membersOf(s), Enum: texts(s.get("enum"))}
		for all := range s.get("allOf").items {
			one.More = refName(all)
		}
		last.Schemas = append(last.Schemas, one)
	}
	return append(list, last)
}

func (n node) operation(method, path string, op node) operation {
	o := operation{
		ID: op.get("operationId").text(), Method: method, Path: path,
		Summary: op.get("summary").text(), Description: op.get("description").text(),
	}
	if role, known := manage.Least(manage.Operation(o.ID)); known {
		o.Role = string(role)
	}
	for p := range op.get("parameters").items {
		p = n.resolve(p)
		o.Parameters = append(o.Parameters, member{
			p.get("name").text(), p.get("in").text(), p.get("description").text(), kindOf(p.get("schema")), p.get("required").text() == "true",
		})
	}
	o.Bodies = contentsOf(op.get("requestBody"))
	for status, answer := range op.get("responses").members {
		answer = n.resolve(answer)
		o.Answers = append(o.Answers, result{status, answer.get("description").text(), contentsOf(answer)})
	}
	o.Curl = n.curl(o, op)
	return o
}

// resolve follows a reference within the document.
func (n node) resolve(part node) node {
	ref := part.get("$ref").text()
	if ref == "" {
		return part
	}
	return n.get(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
}

func refName(part node) string {
	ref := part.get("$ref").text()
	return ref[strings.LastIndexByte(ref, '/')+1:]
}

func contentsOf(part node) []content {
	var list []content
	for media, c := range part.get("content").members {
		one := content{Type: media, Kind: kindOf(c.get("schema"))}
		if one.Kind.Ref == "" {
			one.Members = membersOf(c.get("schema"))
		}
		list = append(list, one)
	}
	return list
}

func membersOf(s node) []member {
	required := texts(s.get("required"))
	var list []member
	for name, p := range s.get("properties").members {
		list = append(list, member{name, "", p.get("description").text(), kindOf(p), slices.Contains(required, name)})
	}
	return list
}

func texts(n node) []string {
	var list []string
	for one := range n.items {
		if one.Tag != "!!null" {
			list = append(list, one.text())
		}
	}
	return list
}

// kindOf says in words what a value is.
func kindOf(s node) kind {
	if name := refName(s); name != "" {
		return kind{name, name}
	}
	text := s.get("type").text()
	for one := range s.get("type").items {
		if text == "" {
			text = one.text()
		}
	}
	if text == "array" {
		of := kindOf(s.get("items"))
		return kind{"list of " + of.Text, of.Ref}
	}
	for _, more := range []string{"format", "minimum", "maximum", "default"} {
		if v := s.get(more).text(); v != "" {
			text += ", " + more + " " + v
		}
	}
	if values := texts(s.get("enum")); len(values) > 0 {
		text += ": " + strings.Join(values, ", ")
	}
	if text == "" {
		text = "any value"
	}
	return kind{Text: text}
}

// curl is an example of the request.
func (n node) curl(o operation, op node) string {
	var server string
	for one := range n.get("servers").items {
		server = one.get("url").text()
	}
	lines := []string{"curl"}
	if o.Method != http.MethodGet {
		lines[0] += " -X " + o.Method
	}
	lines[0] += " '" + server + strings.NewReplacer("{id}", "$ID", "{client_id}", "$CLIENT_ID").Replace(o.Path) + "'"
	if strings.Contains(lines[0], "$") {
		lines[0] = strings.ReplaceAll(lines[0], "'", `"`)
	}
	lines = append(lines, `-H "Authorization: Bearer $TOKEN"`)
	for _, p := range o.Parameters {
		if p.Name == "If-Match" {
			lines = append(lines, `-H 'If-Match: "7"'`)
		}
	}
	for media, c := range op.get("requestBody", "content").members {
		lines = append(lines, "-H 'Content-Type: "+media+"'")
		if example := c.get("example"); example.Node != nil {
			lines = append(lines, "--data '"+string(example.json())+"'")
		} else {
			lines = append(lines, "--data-binary @file"+map[string]string{"application/yaml": ".yaml", "application/xml": ".xml"}[media])
		}
		break
	}
	return strings.Join(lines, " \\\n  ")
}

// Anchor is where the reference has the operation.
func (o operation) Anchor() string { return "op-" + o.ID }

// Slug is where the reference has the section.
func (s section) Slug() string { return "section-" + strings.ToLower(s.Name) }

// Reference is the document for people, at /admin/api.
func (a *API) Reference(w http.ResponseWriter, r *http.Request) {
	nonce := web.Nonce()
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+nonce+"'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	err := referencePage.Execute(w, struct {
		Nonce, Prefix, Title, Intro string
		Sections                    []section
	}{nonce, Prefix, a.title("title"), a.title("description"), a.reference})
	if err != nil {
		a.Logger.Error("the API reference was not written to its end", "error", err)
	}
}

// title reads a text of the document's head.
func (a *API) title(name string) string {
	var doc struct{ Info map[string]string }
	_ = json.Unmarshal(a.document, &doc) // it was made from the document a moment ago
	return doc.Info[name]
}
