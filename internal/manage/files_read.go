package manage

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/usher-id/usher/internal/oauth"
)

// fileVersion is the one version of the format.
const fileVersion = 1

// fileDocument is a file as it was read. It may have faults.
type fileDocument struct {
	name    string
	nameAt  int
	profile *profilePart
	clients []*clientPart
}

// source names the file in the audit log.
func (d *fileDocument) source() string {
	if d.name == "" {
		return "a file without a name"
	}
	return d.name
}

// part is a section of a file: it knows on which line each of its settings is.
type part struct {
	path  string
	line  int
	nodes map[string]*yaml.Node
	// bad are settings that could not be read: what the rules say of them would mislead.
	bad map[string]bool
}

type profilePart struct {
	part
	value oauth.Profile
}

type clientPart struct {
	part
	value  oauth.Client
	secret *secretPart // nil where it says nothing of a secret
}

// secretPart is what a file says of a secret: keep, or where it is.
type secretPart struct {
	keep      bool
	reference SecretReference
}

// fileReader reads a file and gathers every fault on the way.
type fileReader struct {
	faults *lineFaults
	doc    *fileDocument
}

// readFile reads what can be read; the document is never nil.
func readFile(text []byte) (*fileDocument, *lineFaults) {
	r := &fileReader{faults: &lineFaults{}, doc: &fileDocument{}}
	if root := r.parse(text); root != nil && r.plain(root, 0) {
		r.root(root)
	}
	return r.doc, r.faults
}

// root reads the outermost mapping.
func (r *fileReader) root(n *yaml.Node) {
	known := []string{"usher", "name", "profile", "clients"}
	version := false
	r.mapping(n, "", known, func(key string, value *yaml.Node) {
		switch key {
		case "usher":
			version = true
			var v int
			if r.set(reflect.ValueOf(&v).Elem(), value, key) && v != fileVersion {
				r.faults.add(value.Line, key, "version %d is unknown: this usher reads %d", v, fileVersion)
			}
		case "name":
			r.doc.nameAt = value.Line
			if r.set(reflect.ValueOf(&r.doc.name).Elem(), value, key) {
				r.checkName(value)
			}
		case "profile":
			r.doc.profile = r.profile(value)
		case "clients":
			r.clients(value)
		}
	})
	if n.Kind == yaml.MappingNode && !version {
		r.faults.add(n.Line, "usher", "the version of the format is missing: begin the file with 'usher: %d'", fileVersion)
	}
}

func (r *fileReader) checkName(value *yaml.Node) {
	var f faults
	validateName(&f, "name", r.doc.name)
	if strings.TrimSpace(r.doc.name) != r.doc.name || r.doc.name == "" {
		f.add("name", "it is empty, or begins or ends with a space")
	}
	for _, one := range f.list {
		r.faults.add(value.Line, one.Field, "%s", one.Problem)
	}
}

func (r *fileReader) profile(n *yaml.Node) *profilePart {
	p := &profilePart{part{path: "profile", line: n.Line}, oauth.DefaultProfile()}
	if !r.section(n, &p.part, profileKeys, reflect.ValueOf(&p.value).Elem(), nil) {
		return nil
	}
	return p
}

func (r *fileReader) clients(n *yaml.Node) {
	if !r.isList(n, "clients") {
		return
	}
	seen := map[string]int{}
	for i, entry := range n.Content {
		c := &clientPart{part: part{path: fmt.Sprintf("clients[%d]", i+1), line: entry.Line}}
		if id := valueOf(entry, "id"); id != "" {
			c.path = "clients." + oauth.Printable(id)
		}
		if !r.section(entry, &c.part, clientKeys, reflect.ValueOf(&c.value).Elem(), func(key string, value *yaml.Node) bool {
			if key == "secret" {
				c.secret = r.secret(value, c.path+".secret")
				c.bad[key] = c.secret == nil
			}
			return key == "secret"
		}) {
			continue
		}
		if _, given := c.nodes["name"]; !given {
			c.value.Name = c.value.ID
		}
		if first, twice := seen[c.value.ID]; twice && c.value.ID != "" {
			r.faults.add(c.at("id"), c.path+".id", "the client is in the file already, on line %d", first)
			continue
		}
		seen[c.value.ID] = c.at("id")
		r.doc.clients = append(r.doc.clients, c)
	}
}

// valueOf is the text of a key in a mapping.
func valueOf(n *yaml.Node, key string) string {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key && n.Content[i+1].Kind == yaml.ScalarNode {
			return n.Content[i+1].Value
		}
	}
	return ""
}

// secret reads "keep", {env: NAME} or {file: PATH}.
func (r *fileReader) secret(n *yaml.Node, path string) *secretPart {
	if n.Kind == yaml.ScalarNode {
		if n.Value == "keep" {
			return &secretPart{keep: true}
		}
		// Not shown: it may be a secret.
		r.faults.add(n.Line, path, "a secret is never in a file: write keep, {env: NAME} or {file: PATH}")
		return nil
	}
	var s secretPart
	good := r.mapping(n, path, []string{"env", "file"}, func(key string, value *yaml.Node) {
		into := &s.reference.Env
		if key == "file" {
			into = &s.reference.File
		}
		r.set(reflect.ValueOf(into).Elem(), value, path+"."+key)
	})
	if good && (s.reference.Env == "") == (s.reference.File == "") {
		r.faults.add(n.Line, path, "write one of {env: NAME} and {file: PATH}")
		return nil
	}
	if !good {
		return nil
	}
	return &s
}

// section reads a mapping into a struct; own reads keys that are no field of it, and tells whether it did.
func (r *fileReader) section(n *yaml.Node, p *part, keys fileKeys, into reflect.Value, own func(string, *yaml.Node) bool) bool {
	p.nodes, p.bad = map[string]*yaml.Node{}, map[string]bool{}
	known := keys.names()
	if own != nil {
		known = append(known, "secret")
	}
	return r.mapping(n, p.path, known, func(key string, value *yaml.Node) {
		p.nodes[key] = value
		if own == nil || !own(key, value) {
			p.bad[key] = !r.set(into.FieldByIndex(keys[key].Index), value, p.path+"."+key)
		}
	})
}

// mapping reads the keys that are known, each once. It tells whether n is a mapping.
func (r *fileReader) mapping(n *yaml.Node, path string, known []string, each func(key string, value *yaml.Node)) bool {
	if n.Kind != yaml.MappingNode {
		r.wrong(n, path, "settings, as in 'key: value'")
		return false
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name := key.Value
		at := strings.TrimPrefix(path+"."+oauth.Printable(name), ".")
		switch {
		case key.Kind == yaml.AliasNode:
		case key.Kind != yaml.ScalarNode:
			r.faults.add(key.Line, path, "a key has to be plain text")
		case !slices.Contains(known, name):
			r.unknown(key, at, known)
		case seen[name] > 0:
			r.faults.add(key.Line, at, "it is there already, on line %d", seen[name])
		default:
			seen[name] = key.Line
			each(name, value)
		}
	}
	return true
}

func (r *fileReader) unknown(key *yaml.Node, at string, known []string) {
	if len(at) > 200 {
		at = at[:200]
	}
	if near := nearest(key.Value, known); near != "" {
		r.faults.add(key.Line, at, "unknown: did you mean %s?", near)
		return
	}
	r.faults.add(key.Line, at, "unknown; there are: %s", strings.Join(known, ", "))
}

func (r *fileReader) isList(n *yaml.Node, path string) bool {
	if n.Kind != yaml.SequenceNode {
		r.wrong(n, path, "a list, as in [one, two]")
	}
	return n.Kind == yaml.SequenceNode
}

// wrong reports a value of another kind than the one wanted. An alias was reported as such.
func (r *fileReader) wrong(n *yaml.Node, path, want string) {
	switch {
	case n.Kind == yaml.AliasNode:
	case n.ShortTag() == "!!null":
		r.faults.add(n.Line, path, "there is no value: write %s, or remove the key", want)
	default:
		r.faults.add(n.Line, path, "this has to be %s", want)
	}
}

// set reads a value into a setting, and tells whether it could.
func (r *fileReader) set(into reflect.Value, n *yaml.Node, path string) bool {
	if into.Type() == reflect.TypeFor[json.RawMessage]() {
		return r.object(into, n, path)
	}
	switch into.Kind() {
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		return r.set(into.Elem(), n, path)
	case reflect.Slice:
		return r.list(into, n, path)
	case reflect.Struct:
		p := part{path: path, line: n.Line}
		return r.section(n, &p, scopeKeys, into, nil) && !slices.Contains(valuesOf(p.bad), true)
	}
	return r.scalar(into, n, path)
}

func (r *fileReader) list(into reflect.Value, n *yaml.Node, path string) bool {
	if !r.isList(n, path) {
		return false
	}
	good := true
	into.Set(reflect.MakeSlice(into.Type(), len(n.Content), len(n.Content)))
	for i, entry := range n.Content {
		good = r.set(into.Index(i), entry, path) && good
	}
	return good
}

func (r *fileReader) scalar(into reflect.Value, n *yaml.Node, path string) bool {
	tag := ""
	if n.Kind == yaml.ScalarNode {
		tag = n.ShortTag()
	}
	switch into.Kind() {
	case reflect.String:
		if tag == "!!str" {
			into.SetString(n.Value)
			return true
		}
		want := "text"
		if tag != "" && tag != "!!null" {
			want = fmt.Sprintf("text: write it in quotes, as in %.50q", n.Value)
		}
		r.wrong(n, path, want)
	case reflect.Bool:
		if tag == "!!bool" {
			into.SetBool(strings.EqualFold(n.Value, "true"))
			return true
		}
		r.wrong(n, path, "true or false")
	default:
		if v, err := strconv.Atoi(n.Value); tag == "!!int" && err == nil {
			into.SetInt(int64(v))
			return true
		}
		r.wrong(n, path, "a whole number")
	}
	return false
}

// object reads a JSON object that is written as YAML: a key set.
func (r *fileReader) object(into reflect.Value, n *yaml.Node, path string) bool {
	if n.Kind != yaml.MappingNode {
		r.wrong(n, path, "an object, as in {keys: [...]}")
		return false
	}
	text, err := jsonOf(n)
	if err != nil {
		r.faults.add(n.Line, path, "%v", err)
		return false
	}
	into.SetBytes(text)
	return true
}

func valuesOf(m map[string]bool) []bool {
	var list []bool
	for _, v := range m {
		list = append(list, v)
	}
	return list
}
