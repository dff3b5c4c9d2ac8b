package scim

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func golden(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// checkGolden compares an answer with a file, save what each run makes anew.
func checkGolden(t *testing.T, name string, got map[string]any) {
	t.Helper()
	copied, _ := json.Marshal(got)
	var plain, want map[string]any
	if err := json.Unmarshal(copied, &plain); err != nil {
		t.Fatal(err)
	}
	delete(plain, "id")
	delete(plain, "meta")
	if err := json.Unmarshal([]byte(golden(t, name)), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, plain); diff != "" {
		t.Errorf("%s:\n%s", name, diff)
	}
}

const full = `{"userName":"ann","displayName":"Ann Archer","name":{"givenName":"Ann","familyName":"Archer"},"nickName":"Annie",
"emails":[{"value":"ann@example.com","type":"work","primary":true}],"addresses":[{"type":"work","locality":"Bern","country":"CH"}]}`

func TestPatches(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name, operations string
		path             []any
		want             any
	}{
		{"add", `{"op":"add","path":"locale","value":"de-CH"}`, []any{"locale"}, "de-CH"},
		{"replace", `{"op":"replace","path":"nickName","value":"A"}`, []any{"nickName"}, "A"},
		{"remove", `{"op":"remove","path":"nickName"}`, []any{"nickName"}, nil},
		{"null is no value", `{"op":"replace","path":"nickName","value":null}`, []any{"nickName"}, nil},
		{"operations in any case", `{"op":"Replace","path":"nickName","value":"A"}`, []any{"nickName"}, "A"},
		{"a schema before the name", `{"op":"replace","path":"urn:ietf:params:scim:schemas:core:2.0:User:name.familyName","value":"B"}`, []any{"name", "familyName"}, "B"},
		{"a part of a name", `{"op":"replace","path":"name.givenName","value":"Anna"}`, []any{"name", "givenName"}, "Anna"},
		{"the other parts stay", `{"op":"replace","path":"name","value":{"givenName":"Anna"}}`, []any{"name", "familyName"}, "Archer"},
		{"a part is removed", `{"op":"remove","path":"name.givenName"}`, []any{"name", "givenName"}, nil},
		{"no path", `{"op":"replace","value":{"nickName":"A","name":{"givenName":"Anna"}}}`, []any{"name", "givenName"}, "Anna"},
		{"no path, dotted", `{"op":"Add","value":{"name.givenName":"Anna","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"x"}}`, []any{"name", "givenName"}, "Anna"},
		{"boolean as a text", `{"op":"Replace","path":"active","value":"False"}`, []any{"active"}, false},
		{"boolean in a list", `{"op":"replace","path":"active","value":true}`, []any{"active"}, true},
		{"displayName", `{"op":"replace","path":"displayName","value":"A. A."}`, []any{"name", "formatted"}, "A. A."},
		{"name.formatted", `{"op":"replace","path":"name.formatted","value":"A. A."}`, []any{"displayName"}, "A. A."},
		{"both names", `{"op":"replace","path":"displayName","value":"Ann Archer"},{"op":"replace","path":"name.formatted","value":"Ms Archer"}`, []any{"displayName"}, "Ann Archer"},
		{"displayName removed", `{"op":"remove","path":"displayName"}`, []any{"displayName"}, nil},
		{"emails by filter", `{"op":"replace","path":"emails[type eq \"work\"].value","value":"a@example.org"}`, []any{"emails", 0, "value"}, "a@example.org"},
		{"emails by filter, whole", `{"op":"replace","path":"emails[value eq \"ANN@example.com\"]","value":{"value":"a@example.org"}}`, []any{"emails", 0, "value"}, "a@example.org"},
		{"emails replaced", `{"op":"replace","path":"emails","value":[{"value":"x@example.org"},{"value":"y@example.org","primary":true}]}`, []any{"emails", 0, "value"}, "y@example.org"},
		{"emails added as primary", `{"op":"add","path":"emails","value":[{"value":"y@example.org","type":"home","primary":true}]}`, []any{"emails", 0, "value"}, "y@example.org"},
		{"emails added", `{"op":"add","path":"emails","value":[{"value":"y@example.org","type":"home"}]}`, []any{"emails", 0, "value"}, "ann@example.com"},
		{"emails removed", `{"op":"remove","path":"emails"}`, []any{"emails"}, nil},
		{"emails removed by filter", `{"op":"remove","path":"emails[type eq \"work\"]"}`, []any{"emails"}, nil},
		{"emails.value of all", `{"op":"replace","path":"emails.value","value":"z@example.org"}`, []any{"emails", 0, "value"}, "z@example.org"},
		{"a value that add makes", `{"op":"Add","path":"phoneNumbers[type eq \"work\"].value","value":"+41 31 000 00 00"}`, []any{"phoneNumbers", 0, "value"}, "+41 31 000 00 00"},
		{"a part of an address", `{"op":"add","path":"addresses[type eq \"work\"].postalCode","value":"3000"}`, []any{"addresses", 0, "postalCode"}, "3000"},
		{"an address keeps its parts", `{"op":"add","path":"addresses[type eq \"work\"].postalCode","value":"3000"}`, []any{"addresses", 0, "locality"}, "Bern"},
		{"what has no place here", `{"op":"add","path":"title","value":"Boss"},{"op":"add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":{"value":"1"}}`, []any{"title"}, nil},
		{"externalId", `{"op":"add","path":"externalId","value":"e-1"}`, []any{"externalId"}, "e-1"},
		{"userName", `{"op":"replace","value":{"userName":"anna","id":"x","schemas":[],"meta":{}}}`, []any{"userName"}, "anna"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.T = t
			id := w.add(full)
			if got := at(w.patch(id, c.operations), c.path...); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
			if got := at(w.want(200, "GET", "/Users/"+id, ""), c.path...); got != c.want {
				t.Errorf("stored %v, want %v", got, c.want)
			}
			w.want(204, "DELETE", "/Users/"+id, "")
		})
	}
}

func TestARequestIsOfBoundedWork(t *testing.T) {
	w := newWorld(t)
	id := w.add(full)
	many := func(what string, n int) string { return strings.TrimSuffix(strings.Repeat(what+",", n), ",") }
	operation, address := `{"op":"add","path":"emails","value":{"value":"x@example.org"}}`, `{"value":"x@example.org"}`
	for _, operations := range []string{many(operation, maxOperations+1), `{"op":"add","path":"emails","value":[` + many(address, maxValues+1) + `]}`} {
		if e := w.want(400, "PATCH", "/Users/"+id, patchOf(operations)); e["scimType"] != tooMany {
			t.Errorf("%v", e)
		}
	}
	w.want(200, "PATCH", "/Users/"+id, patchOf(many(operation, maxOperations)))
}

func TestPatchesThatCannotBe(t *testing.T) {
	w := newWorld(t)
	id := w.add(full)
	for operations, kind := range map[string]string{
		`{"op":"move","path":"nickName"}`: invalidSyntax,
		``:                                invalidSyntax,
		`7`:                               invalidSyntax,
		`{"op":"remove"}`:                 noTarget,
		`{"op":"replace","path":"emails[type eq \"home\"].value","value":"x@example.org"}`: noTarget,
		`{"op":"remove","path":"emails[type eq \"home\"]"}`:                                noTarget,
		`{"op":"add","path":"emails[type ne \"work\"].value","value":"x@example.org"}`:     noTarget,
		`{"op":"replace","path":"id","value":"x"}`:                                         mutability,
		`{"op":"replace","path":"meta.version","value":"x"}`:                               mutability,
		`{"op":"replace","path":"nothing","value":"x"}`:                                    invalidPath,
		`{"op":"replace","path":"userName[value eq \"x\"]","value":"x"}`:                   invalidPath,
		`{"op":"replace","path":"emails[type eq \"work\"","value":"x"}`:                    invalidPath,
		`{"op":"replace","path":"emails[type eq \"work\"]x","value":"x"}`:                  invalidPath,
		`{"op":"replace","path":"nick name","value":"x"}`:                                  invalidPath,
		`{"op":"replace","path":"emails[type eq]","value":"x"}`:                            invalidFilter,
		`{"op":"replace","path":"active","value":"maybe"}`:                                 invalidValue,
		`{"op":"replace","path":"nickName","value":{"a":1}}`:                               invalidValue,
		`{"op":"replace","value":"x"}`:                                                     invalidValue,
		`{"op":"replace","path":"userName","value":""}`:                                    invalidValue,
		`{"op":"remove","path":"userName"}`:                                                invalidValue,
	} {
		if operations != "" {
			operations = `{"op":"replace","path":"locale","value":"xx"},` + operations
		}
		e := w.want(400, "PATCH", "/Users/"+id, patchOf(operations))
		if e["scimType"] != kind {
			t.Errorf("%s: %v, want %s", operations, e, kind)
		}
	}
	if u := w.want(200, "GET", "/Users/"+id, ""); u["locale"] != nil {
		t.Error("a patch that failed was applied in part")
	}
}

func TestPatchOfNothingNewChangesNothing(t *testing.T) {
	w := newWorld(t)
	id := w.add(full)
	before := at(w.want(200, "GET", "/Users/"+id, ""), "meta", "version")
	if after := at(w.patch(id, `{"op":"replace","value":{"nickName":"Annie","active":true}}`), "meta", "version"); after != before {
		t.Errorf("%v became %v", before, after)
	}
}

func TestPatchExamplesOfTheRFC(t *testing.T) {
	w := newWorld(t)
	id := w.add(golden(t, "rfc7643-8.2-full-user.json"))
	for _, name := range []string{"rfc7644-3.5.2.1-add.json", "rfc7644-3.5.2.3-replace-address.json", "rfc7644-3.5.2.3-replace-street.json", "rfc7644-3.5.2.3-replace-many.json"} {
		checkGolden(t, strings.Replace(name, ".json", ".answer.json", 1), w.want(200, "PATCH", "/Users/"+id, golden(t, name)))
	}
}

func FuzzParseFilter(f *testing.F) {
	for _, seed := range []string{
		`userName eq "bjensen"`, `name.familyName co "O'Malley"`, `urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J"`, `title pr`,
		`meta.lastModified gt "2011-05-13T04:42:34Z"`, `title pr and userType eq "Employee"`, `title pr or userType eq "Intern"`,
		`schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`, `userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")`,
		`userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")`,
		`userType eq "Employee" and emails[type eq "work" and value co "@example.com"]`, `emails[type eq "work"] or ims[type eq "xmpp" and value co "@foo.com"]`,
		`a eq 1.5e3`, `a eq null`, `a eq "\u0000\""`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := parseFilter(text)
		if err != nil {
			return
		}
		again, err := parseFilter(parsed.String())
		if err != nil {
			if len(parsed.String()) > maxFilter || strings.Count(parsed.String(), "(") > maxNested {
				return // brackets made it too long
			}
			t.Fatalf("%q became %q: %v", text, parsed, err)
		}
		if again.String() != parsed.String() {
			t.Errorf("%q, then %q", parsed, again)
		}
		if parsed.check(allAttributes) == nil {
			parsed.matches(object{"userName": "x", "active": true, "emails": []object{{"value": "x"}}}, allAttributes)
		}
		plan(parsed)
	})
}

func FuzzPatch(f *testing.F) {
	f.Add("add", "emails[type eq \"work\"].value", `"x"`)
	f.Add("replace", "", `{"name.givenName":"x","emails":[{"value":1}]}`)
	f.Add("remove", "name.givenName", `null`)
	f.Fuzz(func(t *testing.T, op, path, value string) {
		var v any
		if json.Unmarshal([]byte(value), &v) != nil {
			return
		}
		p := patching{user: object{"id": "1", "userName": "ann", "name": object{"givenName": "A"}, "emails": []object{{"value": "a", "type": "work", "primary": true}}}}
		if p.apply(operation{op, path, v}) == nil && p.user["id"] != "1" {
			t.Error("the id was changed")
		}
	})
}
