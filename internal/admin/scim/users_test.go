package scim

import (
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/oauth"
)

func TestUserLife(t *testing.T) {
	w := newWorld(t)
	rec := w.do("POST", "/Users", bare("bjensen"))
	if rec.Code != 201 || !strings.HasPrefix(rec.Header().Get("Location"), adminURL+Prefix+"/Users/") || rec.Header().Get("ETag") == "" {
		t.Fatalf("%d %v %s", rec.Code, rec.Header(), rec.Body)
	}
	path := strings.TrimPrefix(rec.Header().Get("Location"), adminURL+Prefix)
	u := w.want(200, "GET", path, "")
	if at(u, "userName") != "bjensen" || at(u, "active") != true || at(u, "meta", "location") != rec.Header().Get("Location") || at(u, "meta", "version") != rec.Header().Get("ETag") {
		t.Errorf("got %v", u)
	}
	w.want(200, "PUT", path, strings.Replace(bare("bjensen"), `"userName"`, `"nickName":"Babs","userName"`, 1))
	if u := w.patch(strings.TrimPrefix(path, "/Users/"), `{"op":"replace","path":"active","value":false}`); u["active"] != false || u["nickName"] != "Babs" {
		t.Errorf("got %v", u)
	}
	w.want(204, "DELETE", path, "")
	if e := w.want(404, "GET", path, ""); e["status"] != "404" || at(e, "schemas", 0) != schemaError {
		t.Errorf("got %v", e)
	}
	for _, id := range []string{"x", strings.Repeat("A", 22), "%2e"} {
		w.want(404, "GET", "/Users/"+id, "")
	}
}

func TestRFCExamplesRoundTrip(t *testing.T) {
	w := newWorld(t)
	sent := golden(t, "rfc7643-8.2-full-user.json")
	u := w.want(201, "POST", "/Users", sent)
	checkGolden(t, "rfc7643-8.2-full-user.answer.json", u)
	again := w.want(200, "PUT", "/Users/"+u["id"].(string), sent)
	if again["displayName"] != u["displayName"] || at(again, "meta", "version") != at(u, "meta", "version") {
		t.Errorf("the same again is another: %v", again)
	}
	if u := w.want(201, "POST", "/Users", golden(t, "rfc7644-3.3-create.json")); at(u, "name", "formatted") != "Ms. Barbara J Jensen III" || u["externalId"] != "bjensen" {
		t.Errorf("got %v", u)
	}
}

func TestPasswordsAreSetAndNeverShown(t *testing.T) {
	w := newWorld(t)
	rec := w.do("POST", "/Users?attributes=password,userName", `{"userName":"ann","password":"three blind mice"}`)
	if rec.Code != 201 || strings.Contains(rec.Body.String(), "password") {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	check := func(password string) {
		t.Helper()
		acc, err := w.m.AccountNamed(t.Context(), "ann")
		if err != nil {
			t.Fatal(err)
		}
		if ok, _, err := authn.VerifyPassword(acc.PasswordHash, password); !ok || err != nil {
			t.Errorf("the password is not %q: %v", password, err)
		}
	}
	check("three blind mice")
	acc, _ := w.m.AccountNamed(t.Context(), "ann")
	w.patch(acc.ID.String(), `{"op":"replace","path":"password","value":"another few words"}`)
	check("another few words")
	if e := w.want(400, "PATCH", "/Users/"+acc.ID.String(), patchOf(`{"op":"replace","path":"password","value":"short"}`)); e["scimType"] != invalidValue {
		t.Errorf("got %v", e)
	}
	check("another few words")
}

func TestARoleIsNothingThatSCIMSets(t *testing.T) {
	w := newWorld(t)
	id := w.add(`{"userName":"eve","roles":[{"value":"admin","primary":true}],"role":"admin","urn:usher:role":"admin","entitlements":[{"value":"admin"}]}`)
	w.want(200, "PUT", "/Users/"+id, `{"userName":"eve","Role":"admin","roles":["admin"]}`)
	w.patch(id, `{"op":"add","path":"roles","value":[{"value":"admin"}]},{"op":"add","value":{"role":"admin","roles":"admin"}}`)
	if e := w.want(400, "PATCH", "/Users/"+id, patchOf(`{"op":"add","path":"role","value":"admin"}`)); e["scimType"] != invalidPath {
		t.Errorf("got %v", e)
	}
	if acc, err := w.m.AccountNamed(t.Context(), "eve"); err != nil || acc.Role != "" {
		t.Errorf("role %q, %v", acc.Role, err)
	}
}

func TestARequestThatIsRefusedChangesNothing(t *testing.T) {
	w := newWorld(t)
	ann, boss := w.add(bare("ann")), w.add(bare("boss"))
	parsed, err := oauth.ParseID(boss)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.m.SetRole(t.Context(), parsed, oauth.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	nickname := `{"op":"add","path":"nickName","value":"x"}`
	w.want(400, "PATCH", "/Users/"+ann, patchOf(nickname+`,{"op":"replace","path":"active","value":false},{"op":"add","path":"password","value":"short"}`))
	w.want(403, "PATCH", "/Users/"+boss, patchOf(nickname+`,{"op":"replace","path":"active","value":false}`)) // the last admin
	for _, id := range []string{ann, boss} {
		if u := w.want(200, "GET", "/Users/"+id, ""); u["nickName"] != nil || u["active"] != true {
			t.Errorf("got %v", u)
		}
	}
}

func TestOperatorsAreChangedByAdminsAlone(t *testing.T) {
	w := newWorld(t)
	id := w.add(strings.Replace(bare("boss"), `"userName"`, `"password":"three blind mice","userName"`, 1))
	parsed, err := oauth.ParseID(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.m.SetRole(t.Context(), parsed, oauth.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	w.role = oauth.RoleOperator
	w.want(403, "PUT", "/Users/"+id, bare("other"))
	for _, op := range []string{`{"op":"replace","path":"active","value":false}`, `{"op":"add","path":"password","value":"three blind mice"}`, `{"op":"add","path":"password","value":"some other words"}`, `{"op":"add","path":"nickName","value":"x"}`} {
		w.want(403, "PATCH", "/Users/"+id, patchOf(op))
	}
	w.want(403, "DELETE", "/Users/"+id, "")
	w.role = oauth.RoleAdmin
	w.want(200, "PATCH", "/Users/"+id, patchOf(`{"op":"add","path":"nickName","value":"x"}`))
}

func TestNamesAreTakenOnce(t *testing.T) {
	w := newWorld(t)
	w.add(bare("ann"))
	bob := w.add(bare("bob"))
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/Users", bare("ANN")},
		{"PUT", "/Users/" + bob, bare("ann")},
		{"PATCH", "/Users/" + bob, patchOf(`{"op":"replace","path":"userName","value":"Ann"}`)},
	} {
		if e := w.want(409, c.method, c.path, c.body); e["scimType"] != uniqueness || e["status"] != "409" {
			t.Errorf("%s: %v", c.method, e)
		}
	}
	if e := w.want(400, "POST", "/Users", `{"userName":"","emails":[{"value":"nobody"}]}`); e["scimType"] != invalidValue {
		t.Errorf("got %v", e)
	}
}

func TestVersions(t *testing.T) {
	w := newWorld(t)
	rec := w.do("POST", "/Users", bare("ann"))
	path, tag := strings.TrimPrefix(rec.Header().Get("Location"), adminURL+Prefix), rec.Header().Get("ETag")
	if rec := w.do("GET", path, "", "If-None-Match", tag); rec.Code != 304 || rec.Body.Len() > 0 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	change := patchOf(`{"op":"replace","path":"nickName","value":"Annie"}`)
	w.want(412, "PATCH", path, change, "If-Match", `W/"999"`)
	w.want(412, "DELETE", path, "", "If-Match", `W/"999"`)
	w.want(412, "PUT", path, bare("ann"), "If-Match", `"999"`)
	w.want(200, "PATCH", path, change, "If-Match", tag)
	w.want(412, "PATCH", path, change, "If-Match", tag)
	w.want(200, "PATCH", path, patchOf(`{"op":"replace","path":"nickName","value":"A"}`), "If-Match", "*")
}

func TestPUTLeavesWhatSCIMHasNoNameFor(t *testing.T) {
	w := newWorld(t)
	acc, err := w.m.CreateAccount(t.Context(), oauth.Account{Username: "ann", Attributes: []byte(`{"department_code":"7","nickname":"A","address":{"country":"CH","x":"y"}}`)}, "")
	if err != nil {
		t.Fatal(err)
	}
	w.want(200, "PUT", "/Users/"+acc.ID.String(), `{"userName":"ann"}`)
	now, err := w.m.Account(t.Context(), acc.ID)
	if err != nil || string(now.Attributes) != `{"address":{"x":"y"},"department_code":"7"}` {
		t.Errorf("%s, %v", now.Attributes, err)
	}
}

func TestLockingEndsSessionsByTheSameWayAsLock(t *testing.T) {
	w := newWorld(t)
	id := w.add(`{"userName":"ann","active":"False"}`)
	parsed, _ := oauth.ParseID(id)
	if acc, err := w.m.Account(t.Context(), parsed); err != nil || !acc.Locked {
		t.Errorf("%+v %v", acc, err)
	}
	w.patch(id, `{"op":"Replace","value":{"active":"True"}}`)
	if acc, err := w.m.Account(t.Context(), parsed); err != nil || acc.Locked {
		t.Errorf("%+v %v", acc, err)
	}
}

func TestBodies(t *testing.T) {
	w := newWorld(t)
	w.want(415, "POST", "/Users", bare("x"), "Content-Type", "text/plain")
	w.want(413, "POST", "/Users", strings.Repeat(" ", 2<<20))
	for _, body := range []string{"{", "[]", `"x"`, `{"schemas":["urn:other"],"userName":"x"}`, `{"schemas":"x"}`} {
		if e := w.want(400, "POST", "/Users", body); e["scimType"] != invalidSyntax {
			t.Errorf("%s: %v", body, e)
		}
	}
	w.want(201, "POST", "/Users", `{"USERNAME":"case","Emails":{"value":"a@example.com"}}`, "Content-Type", "application/json; charset=utf-8")
	if e := w.want(400, "POST", "/Users", `{"userName":7}`); e["scimType"] != invalidValue {
		t.Errorf("got %v", e)
	}
}

func TestPatchesSideBySideAreAllKept(t *testing.T) {
	w := newWorld(t)
	id := w.add(bare("ann"))
	fields := []string{"nickName", "locale", "timezone", "profileUrl"}
	var wg sync.WaitGroup
	for _, name := range fields {
		wg.Go(func() {
			if rec := w.do("PATCH", "/Users/"+id, patchOf(`{"op":"add","path":"`+name+`","value":"https://x.example"}`)); rec.Code != 200 {
				t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
			}
		})
	}
	wg.Wait()
	u := w.want(200, "GET", "/Users/"+id, "")
	for _, name := range fields {
		if u[name] != "https://x.example" {
			t.Errorf("%s was lost", name)
		}
	}
}

// namesOf are the user names of an answer.
func namesOf(v map[string]any) []string {
	names := []string{}
	list, _ := v["Resources"].([]any)
	for _, one := range list {
		names = append(names, at(one, "userName").(string))
	}
	return names
}

func TestFilters(t *testing.T) {
	w := newWorld(t)
	ann := w.add(`{"userName":"ann","externalId":"A-1","name":{"givenName":"Ann","familyName":"Archer"},"emails":[{"value":"ann@example.com"}],"nickName":"Annie"}`)
	w.add(`{"userName":"Bob","externalId":"B-2","emails":[{"value":"bob@other.example"}],"active":false}`)
	w.add(`{"userName":"cid","displayName":"Cid \"the\" Third"}`)
	for filter, want := range map[string]string{
		`userName eq "ANN"`: "ann",
		`username Eq "bob"`: "Bob",
		`urn:ietf:params:scim:schemas:core:2.0:User:userName sw "b"`: "Bob",
		`userName ne "ann"`:                 "Bob cid",
		`userName co "I"`:                   "cid",
		`userName ew "b"`:                   "Bob",
		`userName gt "b"`:                   "Bob cid",
		`userName le "ann"`:                 "ann",
		`externalId eq "A-1"`:               "ann",
		`externalId eq "a-1"`:               "", // caseExact
		`externalId co "a-"`:                "",
		`id eq "` + ann + `"`:               "ann",
		`id eq "x"`:                         "",
		`emails.value eq "ANN@example.com"`: "ann",
		`emails eq "bob@other.example"`:     "Bob",
		`emails co "example"`:               "ann Bob",
		`emails[type eq "work" and value co "@example.com"]`: "ann",
		`emails[value sw "bob"]`:                             "Bob",
		`emails[type eq "home"]`:                             "",
		`emails pr`:                                          "ann Bob",
		`not (emails pr)`:                                    "cid",
		`title pr`:                                           "",
		`title eq null`:                                      "ann Bob cid",
		`nickName ne null`:                                   "ann",
		`active eq true`:                                     "ann cid",
		`active eq "False"`:                                  "Bob",
		`name.familyName eq "archer"`:                        "ann",
		`displayName eq "Cid \"the\" Third"`:                 "cid",
		`meta.created gt "2020-01-01T00:00:00Z"`:             "ann Bob cid",
		`meta.created lt "2020-01-01T00:00:00+02:00"`:        "",
		`userName eq "cid" or userName eq "ann"`:             "ann cid",
		`userName eq "cid" or userName eq "CID"`:             "cid",
		`userName eq "ann" and active eq false`:              "",
		`active eq true and (userName sw "a" or userName sw "c") and not (nickName pr)`: "cid",
		`userName eq "ann" or userName eq "bob" and active eq true`:                     "ann",
		`meta.resourceType eq "User"`:                                                   "ann Bob cid",
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "x"`:  "",
	} {
		v := w.want(200, "GET", "/Users?filter="+url.QueryEscape(filter), "")
		if got := strings.Join(namesOf(v), " "); got != want || v["totalResults"] != float64(len(namesOf(v))) {
			t.Errorf("%s: %q of %v, want %q", filter, got, v["totalResults"], want)
		}
	}
	for _, filter := range []string{
		`userName`, `userName eq`, `userName eq ann`, `eq "x"`, `userName is "x"`, `(userName pr`, `userName pr)`, `not userName pr`, `userName eq "x" and`,
		`emails[type eq "work"`, `emails[emails[type pr]]`, `active gt true`, `active co "t"`, `userName gt 7`, `userName eq {"a":1}`, `userName eq ["x"]`,
		strings.Repeat("(", 100) + `userName pr` + strings.Repeat(")", 100), `userName eq "` + strings.Repeat("x", 5000) + `"`, "userName eq \"\x00", `1 eq 1`,
	} {
		if e := w.want(400, "GET", "/Users?filter="+url.QueryEscape(filter), ""); e["scimType"] != invalidFilter {
			t.Errorf("%s: %v", filter, e)
		}
	}
}

func TestPlansUseIndexes(t *testing.T) {
	for text, want := range map[string]int{
		`userName eq "x"`: 1, `externalId eq "x" and active eq true`: 1, `active eq true and id eq "x"`: 1, `emails.value eq "x"`: 1, `emails[value eq "x"]`: 1,
		`userName eq "a" or emails.value sw "b"`: 2, `userName sw "a"`: 1,
		`userName co "x"`: 0, `userName eq "a" or active eq true`: 0, `not (userName eq "a")`: 0, `userName sw ""`: 0, `emails[type eq "work"]`: 0,
	} {
		f, err := parseFilter(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := plan(f); len(got) != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	f, _ := parseFilter(`userName sw "a" and externalId eq "x"`)
	if got := plan(f); len(got) != 1 || got[0].by != "externalid" {
		t.Errorf("got %v", got)
	}
}

func TestPaging(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		w.add(bare(name))
	}
	for query, want := range map[string]string{
		"": "a b c d e", "startIndex=2&count=2": "b c", "startIndex=5&count=10": "e", "startIndex=6": "", "startIndex=0&count=1": "a", "count=-1": "", "count=0": "",
		"startIndex=2&count=2&filter=" + url.QueryEscape(`userName pr`): "b c", "sortBy=userName&sortOrder=ascending&count=1": "a",
	} {
		v := w.want(200, "GET", "/Users?"+query, "")
		if got := strings.Join(namesOf(v), " "); got != want || v["totalResults"] != 5.0 || v["itemsPerPage"] != float64(len(namesOf(v))) {
			t.Errorf("%s: %q of %v", query, got, v["totalResults"])
		}
	}
	for _, query := range []string{"count=x", "startIndex=x", "sortBy=emails", "sortBy=userName&sortOrder=descending", "cursor=!!!"} {
		w.want(400, "GET", "/Users?"+query, "")
	}
	var all []string
	for cursor := ""; ; {
		v := w.want(200, "GET", "/Users?count=2&cursor="+cursor, "")
		all = append(all, namesOf(v)...)
		next, more := v["nextCursor"].(string)
		if !more {
			break
		}
		cursor = next
	}
	if !slices.Equal(all, []string{"a", "b", "c", "d", "e"}) {
		t.Errorf("by cursor: %v", all)
	}
}

func TestSearchByPOSTIsTheSame(t *testing.T) {
	w := newWorld(t)
	w.add(bare("ann"))
	w.add(bare("bob"))
	v := w.want(200, "POST", "/Users/.search", golden(t, "rfc7644-3.4.3-search.json"))
	if len(namesOf(v)) != 1 || at(v, "Resources", 0, "userName") != "bob" || at(v, "Resources", 0, "emails") != nil || at(v, "schemas", 0) != schemaList {
		t.Errorf("got %v", v)
	}
}

func TestProjection(t *testing.T) {
	w := newWorld(t)
	path := "/Users/" + w.add(`{"userName":"ann","name":{"givenName":"Ann","familyName":"Archer"},"emails":[{"value":"a@example.com"}]}`)
	u := w.want(200, "GET", path+"?attributes=userName,name.givenName,emails.value,emails.type", "")
	if at(u, "name", "givenName") != "Ann" || at(u, "name", "familyName") != nil || u["id"] == nil || u["meta"] != nil || at(u, "emails", 0, "value") != "a@example.com" || at(u, "emails", 0, "type") != "work" || at(u, "emails", 0, "primary") != nil {
		t.Errorf("got %v", u)
	}
	u = w.want(200, "GET", path+"?excludedAttributes=emails,id,NAME.familyname,meta", "")
	if u["emails"] != nil || u["id"] == nil || at(u, "name", "familyName") != nil || at(u, "name", "givenName") != "Ann" || u["meta"] != nil {
		t.Errorf("got %v", u)
	}
}

func TestDiscovery(t *testing.T) {
	w := newWorld(t)
	if v := w.want(200, "GET", "/ServiceProviderConfig", ""); at(v, "patch", "supported") != true || at(v, "bulk", "supported") != false || at(v, "etag", "supported") != true {
		t.Errorf("got %v", v)
	}
	types := w.want(200, "GET", "/ResourceTypes", "")
	if types["totalResults"] != 1.0 || at(types, "Resources", 0, "id") != "User" || at(types, "Resources", 0, "schema") != schemaUser {
		t.Errorf("got %v", types)
	}
	w.want(200, "GET", "/ResourceTypes/User", "")
	w.want(404, "GET", "/ResourceTypes/Group", "")
	schema := w.want(200, "GET", "/Schemas/"+schemaUser, "")
	if w.want(200, "GET", "/Schemas", "")["totalResults"] != 1.0 || len(schema["attributes"].([]any)) != len(userAttributes) {
		t.Errorf("got %v", schema)
	}
	w.want(404, "GET", "/Schemas/urn:x", "")
	w.want(403, "GET", "/Schemas?filter=id+pr", "")
	w.want(405, "HEAD", "/Users", "")
}
