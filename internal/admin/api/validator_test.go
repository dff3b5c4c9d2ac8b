package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"html"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/store/storetest"
)

// document is the OpenAPI document as the tests read it.
type document struct {
	root     map[string]any
	compiler *jsonschema.Compiler
}

const documentURL = "https://document.example/openapi.json"

var theDocument = sync.OnceValue(func() *document {
	a := New(Options{AdminURL: adminURL, Issuer: issuer, Logger: slog.New(slog.DiscardHandler)})
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(a.document))
	if err != nil {
		panic(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020) // OpenAPI 3.1
	c.AssertFormat()
	if err := c.AddResource(documentURL, root); err != nil {
		panic(err)
	}
	return &document{root.(map[string]any), c}
})

// at finds a part of the document; references are followed. The pointer is where it was found.
func (d *document) at(pointer string) (part any, where string) {
	part, where = any(d.root), ""
	for _, name := range strings.Split(pointer, "/")[1:] {
		switch p := part.(type) {
		case map[string]any:
			part = p[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]
		case []any:
			i, _ := strconv.Atoi(name)
			part = p[i]
		default:
			return nil, pointer
		}
		where += "/" + name
		if m, is := part.(map[string]any); is && m["$ref"] != nil {
			part, where = d.at(strings.TrimPrefix(m["$ref"].(string), "#"))
		}
	}
	return part, where
}

func escaped(name string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(name) }

// fits holds a value against the schema at a place of the document.
func (d *document) fits(pointer string, value any) error {
	schema, err := d.compiler.Compile(documentURL + "#" + (&url.URL{Path: pointer}).EscapedPath())
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// operations lists method and path of every operation by its id.
func (d *document) operations() map[manage.Operation][2]string {
	all := map[manage.Operation][2]string{}
	for path, item := range d.root["paths"].(map[string]any) {
		for method, op := range item.(map[string]any) {
			all[manage.Operation(op.(map[string]any)["operationId"].(string))] = [2]string{strings.ToUpper(method), path}
		}
	}
	return all
}

// pointer is where the document has the operation.
func (d *document) pointer(op manage.Operation) string {
	at := d.operations()[op]
	return "/paths/" + escaped(at[1]) + "/" + strings.ToLower(at[0])
}

// checkAnswer holds an answer against the document.
func (d *document) checkAnswer(op manage.Operation, w *httptest.ResponseRecorder) error {
	answer, where := d.at(d.pointer(op) + "/responses/" + strconv.Itoa(w.Code))
	if answer == nil {
		return fmt.Errorf("%s: the document has no answer %d: %s", op, w.Code, w.Body)
	}
	headers, _ := d.at(where + "/headers")
	names, _ := headers.(map[string]any)
	for name := range names {
		if w.Header().Get(name) == "" {
			return fmt.Errorf("%s: the answer %d lacks the header %s", op, w.Code, name)
		}
	}
	content, _ := answer.(map[string]any)["content"].(map[string]any)
	if content == nil {
		if w.Body.Len() > 0 {
			return fmt.Errorf("%s: the answer %d has a body and should not: %s", op, w.Code, w.Body)
		}
		return nil
	}
	kind, _, err := mime.ParseMediaType(w.Header().Get("Content-Type"))
	if err != nil || content[kind] == nil {
		return fmt.Errorf("%s: the answer %d is of the type %q", op, w.Code, w.Header().Get("Content-Type"))
	}
	return d.checkBody(where+"/content/"+escaped(kind)+"/schema", kind, w.Body.Bytes())
}

func (d *document) checkBody(pointer, kind string, body []byte) error {
	value := any(string(body))
	if strings.HasSuffix(kind, "json") {
		var err error
		if value, err = jsonschema.UnmarshalJSON(bytes.NewReader(body)); err != nil {
			return fmt.Errorf("%w: %s", err, body)
		}
	}
	if err := d.fits(pointer, value); err != nil {
		return fmt.Errorf("%w\n%s", err, body)
	}
	return nil
}

// checkRequest holds a request that was accepted against the document: what it does not describe must not work.
func (d *document) checkRequest(op manage.Operation, r *http.Request, body []byte) error {
	parameters, _ := d.at(d.pointer(op) + "/parameters")
	list, _ := parameters.([]any)
	known := map[string]bool{}
	for i := range list {
		part, where := d.at(d.pointer(op) + "/parameters/" + strconv.Itoa(i))
		p := part.(map[string]any)
		name, in := p["name"].(string), p["in"].(string)
		known[in+" "+name] = true
		value, there := r.URL.Query().Get(name), r.URL.Query().Has(name)
		if in == "header" {
			value = r.Header.Get(name)
			there = value != ""
		}
		if in == "path" {
			continue
		}
		if !there {
			if p["required"] == true {
				return fmt.Errorf("%s was accepted without %s", op, name)
			}
			continue
		}
		var typed any = value
		if kind, _ := d.at(where + "/schema/type"); kind != "string" {
			if v, err := jsonschema.UnmarshalJSON(strings.NewReader(value)); err == nil {
				typed = v
			}
		}
		if err := d.fits(where+"/schema", typed); err != nil {
			return fmt.Errorf("%s: %s: %w", op, name, err)
		}
	}
	for name := range r.URL.Query() {
		if !known["query "+name] {
			return fmt.Errorf("%s was accepted with the parameter %s, which the document does not have", op, name)
		}
	}
	content, where := d.at(d.pointer(op) + "/requestBody/content")
	if content == nil {
		return nil
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if content.(map[string]any)[kind] == nil {
		return fmt.Errorf("%s was accepted with the type %q", op, kind)
	}
	return d.checkBody(where+"/"+escaped(kind)+"/schema", kind, body)
}

// exercised is what was answered to any test.
var exercised sync.Map

// neverExercised are the documented answers that no test can bring about, and why.
var neverExercised = map[string]string{
	"showSettings 500":       "it reads nothing",
	"listAuthenticators 500": "it reads nothing",
	"showSettings 503":       "it reads nothing",
	"listAuthenticators 503": "it reads nothing",
	"applyConfiguration 409": "somebody else would have to be faster between plan and change, both within the request",
	"importCurity 409":       "as applyConfiguration",
}

func TestMain(m *testing.M) {
	code := storetest.Main(m)
	if code == 0 && flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.list").Value.String() == "" && !fuzzing() {
		code = reportGaps()
	}
	os.Exit(code)
}

func fuzzing() bool {
	f := flag.Lookup("test.fuzz")
	return f != nil && f.Value.String() != ""
}

func reportGaps() (code int) {
	d := theDocument()
	for op := range d.operations() {
		answers, _ := d.at(d.pointer(op) + "/responses")
		for status := range answers.(map[string]any) {
			key := string(op) + " " + status
			_, was := exercised.Load(key)
			if _, not := neverExercised[key]; was == not {
				fmt.Printf("documented answer %s: exercised %t, excepted %t\n", key, was, not)
				code = 1
			}
		}
	}
	return code
}

func TestOperationsRoutesAndDocumentAgree(t *testing.T) {
	d := theDocument()
	documented := d.operations()
	routed := map[manage.Operation][2]string{}
	for _, r := range New(Options{AdminURL: adminURL, Issuer: issuer}).Routes() {
		method, path, _ := strings.Cut(r.Pattern, " ")
		routed[r.Op] = [2]string{method, strings.TrimPrefix(path, Prefix)}
	}
	for _, op := range manage.Operations() {
		if routed[op] == [2]string{} || routed[op] != documented[op] {
			t.Errorf("%s: route %v, document %v", op, routed[op], documented[op])
		}
	}
	if n := len(manage.Operations()); len(routed) != n || len(documented) != n {
		t.Errorf("%d operations, %d routes, %d in the document", n, len(routed), len(documented))
	}
}

func TestSecurityOfTheDocumentFollowsTheRoles(t *testing.T) {
	d := theDocument()
	for op := range d.operations() {
		security, _ := d.at(d.pointer(op) + "/security")
		text, _ := json.Marshal(security)
		least, _ := manage.Least(op)
		want := `[{"oauth2":["usher.admin"]}]`
		if least == "viewer" {
			want = `[{"oauth2":["usher.read"]},{"oauth2":["usher.admin"]}]`
		}
		if string(text) != want {
			t.Errorf("%s is for %s and has %s", op, least, text)
		}
	}
}

func TestExamplesFitTheirSchemas(t *testing.T) {
	d := theDocument()
	n := 0
	for op := range d.operations() {
		content, where := d.at(d.pointer(op) + "/requestBody/content")
		media, _ := content.(map[string]any)
		for kind := range media {
			example, _ := d.at(where + "/" + escaped(kind) + "/example")
			if example == nil {
				continue
			}
			n++
			if err := d.fits(where+"/"+escaped(kind)+"/schema", example); err != nil {
				t.Errorf("%s: %v", op, err)
			}
		}
	}
	if n < 8 {
		t.Errorf("only %d examples", n)
	}
}

func TestEverySchemaCompilesAndIsUsed(t *testing.T) {
	d := theDocument()
	text := string(New(Options{AdminURL: adminURL, Issuer: issuer}).document)
	schemas, _ := d.at("/components/schemas")
	for name := range schemas.(map[string]any) {
		if _, err := d.compiler.Compile(documentURL + "#/components/schemas/" + name); err != nil {
			t.Error(err)
		}
		if !strings.Contains(text, `"#/components/schemas/`+name+`"`) {
			t.Errorf("nothing refers to the schema %s", name)
		}
	}
	for _, kind := range []string{"parameters", "responses", "headers"} {
		parts, _ := d.at("/components/" + kind)
		for name := range parts.(map[string]any) {
			if !strings.Contains(text, `"#/components/`+kind+`/`+name+`"`) {
				t.Errorf("nothing refers to %s %s", kind, name)
			}
		}
	}
}

func TestDocumentIsServedWithTheAddressesOfThisServer(t *testing.T) {
	w := httptest.NewRecorder()
	New(Options{AdminURL: "https://admin.corp.example", Issuer: "https://id.corp.example/oauth/v2/oauth-anonymous"}).Document(w, nil)
	text, _ := io.ReadAll(w.Body)
	for _, want := range []string{"https://admin.corp.example/admin/api/v1", "https://id.corp.example/oauth/v2/oauth-token", "https://id.corp.example/oauth/v2/oauth-authorize"} {
		if !bytes.Contains(text, []byte(`"`+want+`"`)) {
			t.Errorf("the document lacks %s", want)
		}
	}
	for _, no := range []string{documentAdmin, documentRuntime} {
		if bytes.Contains(text, []byte(no)) {
			t.Errorf("the document has %s", no)
		}
	}
}

func TestReferenceShowsEveryOperation(t *testing.T) {
	w := httptest.NewRecorder()
	New(Options{AdminURL: adminURL, Issuer: issuer, Logger: slog.New(slog.DiscardHandler)}).Reference(w, nil)
	page := w.Body.String()
	for _, op := range manage.Operations() {
		if !strings.Contains(page, `<article id="op-`+string(op)+`">`) {
			t.Errorf("%s is missing", op)
		}
	}
	csp := w.Header().Get("Content-Security-Policy")
	_, rest, _ := strings.Cut(page, `<style nonce="`)
	nonce, _, _ := strings.Cut(rest, `"`)
	if !strings.Contains(csp, "'nonce-"+html.UnescapeString(nonce)+"'") || nonce == "" || strings.Contains(page, "<script") || !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("policy %q, nonce %q", csp, nonce)
	}
	if !slices.Contains([]string{"no-store"}, w.Header().Get("Cache-Control")) || !strings.HasSuffix(strings.TrimSpace(page), "</html>") {
		t.Error("the page is cached or cut short")
	}
}
