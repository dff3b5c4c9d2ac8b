package api

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

// changeable are the operations that change something with a version.
func (w *world) changeable() []request {
	var list []request
	for _, op := range []manage.Operation{manage.OpChangeProfile, manage.OpChangeClient, manage.OpRemoveClient, manage.OpChangeAccount, manage.OpRemoveAccount} {
		list = append(list, w.good()[op].request)
	}
	return list
}

func TestChangesNeedTheVersionThatIsThere(t *testing.T) {
	w := newWorld(t)
	for _, q := range w.changeable() {
		q.match = ""
		if v := w.want(428, q); v["type"] != typePrecondition {
			t.Errorf("%s: %v", q.op, v)
		}
		for _, stale := range []string{`"999"`, `W/"1"`, `W/"2"`, `1`, `"1`, `""`} {
			q.match = stale
			rec := w.do(q)
			var v struct {
				Type        string
				Current     struct{ Version int64 }
				Differences []manage.Difference
			}
			if err := json.Unmarshal(rec.Body.Bytes(), &v); err != nil || rec.Code != 412 || v.Type != typeConflict || rec.Header().Get("ETag") != etag(v.Current.Version) {
				t.Fatalf("%s with %s: %d %s", q.op, stale, rec.Code, rec.Body)
			}
			if q.body != "" && len(v.Differences) == 0 {
				t.Errorf("%s: the difference is not told: %s", q.op, rec.Body)
			}
		}
	}
}

func TestAChangeOfWhatWasReadSucceedsOnce(t *testing.T) {
	w := newWorld(t)
	tag := w.do(request{op: manage.OpShowClient, path: "/clients/shop"}).Header().Get("ETag")
	q := request{op: manage.OpChangeClient, path: "/clients/shop", match: `"0", ` + tag, body: `{"name":"One"}`}
	after := w.do(q)
	if after.Code != 200 || after.Header().Get("ETag") == tag {
		t.Fatalf("%d %s", after.Code, after.Body)
	}
	q.body = `{"name":"Two"}`
	w.want(412, q)
	if v := w.want(200, request{op: manage.OpShowClient, path: "/clients/shop"}); v["name"] != "One" {
		t.Errorf("got %v", v["name"])
	}
}

func TestWhatIsKnownIsNotSentAgain(t *testing.T) {
	w := newWorld(t)
	for _, op := range []manage.Operation{manage.OpShowClient, manage.OpShowAccount, manage.OpShowProfile} {
		q := w.good()[op].request
		tag := w.do(q).Header().Get("ETag")
		for _, known := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
			q.known = known
			w.want(304, q)
		}
		q.known = `"999"`
		w.want(200, q)
	}
}

func TestNobodySetsWhatIsNotTheirsToSet(t *testing.T) {
	w := newWorld(t)
	ann := "/accounts/" + w.ann.ID.String()
	for _, c := range []struct {
		q       request
		members map[string]any
	}{
		{request{op: manage.OpChangeClient, path: "/clients/shop", match: "*"}, map[string]any{
			"id": "x", "version": 9, "confidential": true, "secret": "x", "secret_hash": "eA==", "wrapped_secret": "eA==", "registration_token_hash": "eA==",
			"registered": "2020-01-01T00:00:00Z", "trial_origin": "https://evil.example", "trial_until": "2099-01-01T00:00:00Z",
			"managed_by": "me", "revoked_before": nil, "warnings": []string{}, "Managed_By": "me", "SecretHash": "eA==", "unknown": 1,
		}},
		{request{op: manage.OpCreateClient, path: "/clients"}, map[string]any{
			"version": 9, "secret": "x", "secret_hash": "eA==", "wrapped_secret": "eA==", "registration_token_hash": "eA==",
			"registered": "2020-01-01T00:00:00Z", "trial_origin": "https://evil.example", "trial_until": "2099-01-01T00:00:00Z",
			"managed_by": "me", "revoked_before": nil, "warnings": []string{}, "Trial_Origin": "https://evil.example",
		}},
		{request{op: manage.OpChangeProfile, path: "/profile", match: "*"}, map[string]any{
			"version": 9, "pairwise_salt": "eA==", "managed_by": "me", "warnings": []string{}, "Pairwise_Salt": "eA==",
		}},
		{request{op: manage.OpChangeAccount, path: ann, match: "*"}, map[string]any{
			"id": w.boss.ID, "role": "admin", "Role": "admin", "locked": true, "created": "2020-01-01T00:00:00Z", "version": 9, "password": "x", "password_hash": "x", "PasswordHash": "x",
		}},
		{request{op: manage.OpCreateAccount, path: "/accounts"}, map[string]any{
			"id": w.boss.ID, "role": "admin", "ROLE": "admin", "locked": true, "created": "2020-01-01T00:00:00Z", "version": 9, "password_hash": "x",
		}},
	} {
		text, _ := json.Marshal(c.members)
		q := c.q
		q.body = string(text)
		v := w.want(422, q)
		var fields []string
		for _, one := range v["errors"].([]any) {
			fields = append(fields, one.(map[string]any)["field"].(string))
		}
		for name := range c.members {
			if !slices.Contains(fields, name) {
				t.Errorf("%s: %s is not refused: %v", q.op, name, fields)
			}
		}
	}
	if now, err := w.m.Account(t.Context(), w.ann.ID); err != nil || now.Version != w.ann.Version {
		t.Errorf("the account was changed: %+v %v", now, err)
	}
}

func TestAnAnswerIsBoundedWhateverIsSent(t *testing.T) {
	w := newWorld(t)
	members := map[string]int{}
	for i := range 20 * maxStrange {
		members["member"+strconv.Itoa(i)] = i
	}
	text, _ := json.Marshal(members)
	v := w.want(422, request{op: manage.OpCreateAccount, path: "/accounts", body: string(text)})
	if n := len(v["errors"].([]any)); n != maxStrange {
		t.Errorf("%d faults", n)
	}
}

// TestCheckingABodyCopiesNoNames sends a long name around many short ones.
func TestCheckingABodyCopiesNoNames(t *testing.T) {
	text := `{"` + strings.Repeat("k", maxJSON/2) + `":[` + strings.TrimSuffix(strings.Repeat(`{"a":1},`, 10_000), ",") + `]}`
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := checkJSON([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 100*maxJSON {
		t.Errorf("%d bytes", after.TotalAlloc-before.TotalAlloc)
	}
}

func TestAFilterThatNamesNothingIsNoFilter(t *testing.T) {
	w := newWorld(t)
	w.want(400, request{op: manage.OpListSessions, path: "/sessions?account_id=" + oauth.ID{}.String()})
}

func TestPatchesOfNestedThingsAreStrictToo(t *testing.T) {
	w := newWorld(t)
	for body, field := range map[string]string{
		`{"scopes":[{"name":"openid","description":"x","clams":["a"]}]}`: "clams",
		`{"access_token_seconds":"600"}`:                                 "access_token_seconds",
		`{"access_token_seconds":1.5}`:                                   "access_token_seconds",
		`{"capabilities":{"code":true}}`:                                 "capabilities",
	} {
		v := w.want(422, request{op: manage.OpChangeProfile, path: "/profile", match: "*", body: body})
		if !strings.Contains(v["detail"].(string), field) {
			t.Errorf("%s: %v", body, v)
		}
	}
}

func TestMergePatch(t *testing.T) {
	for _, c := range []struct{ target, patch, want string }{ // after RFC 7396, appendix A
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
	} {
		var patch map[string]json.RawMessage
		if err := json.Unmarshal([]byte(c.patch), &patch); err != nil {
			t.Fatal(err)
		}
		if got, err := merge(json.RawMessage(c.target), patch); err != nil || string(got) != c.want {
			t.Errorf("%s with %s: %s, want %s (%v)", c.target, c.patch, got, c.want, err)
		}
	}
}

func TestSecretsAreShownOnce(t *testing.T) {
	w := newWorld(t)
	made := w.want(201, request{op: manage.OpCreateClient, path: "/clients", body: `{"id":"svc","name":"Svc","confidential":true,"capabilities":["client_credentials"]}`})
	secret, _ := made["secret"].(string)
	again := w.want(200, request{op: manage.OpResetClientSecret, path: "/clients/svc/secret"})
	if next, _ := again["secret"].(string); len(secret) != 43 || len(next) != 43 || next == secret {
		t.Errorf("secrets %q, %q", made["secret"], again["secret"])
	}
	c, err := w.m.Client(t.Context(), "svc")
	if err != nil || !slices.Equal(c.SecretHash, manage.HashSecret(again["secret"].(string))) {
		t.Errorf("the secret is not the client's: %v", err)
	}
	for _, q := range []request{{op: manage.OpShowClient, path: "/clients/svc"}, {op: manage.OpListClients, path: "/clients"}, {op: manage.OpListChanges, path: "/changes"}, {op: manage.OpExport, path: "/export"}} {
		if text := w.do(q).Body.String(); strings.Contains(text, "secret_hash") || strings.Contains(text, secret) {
			t.Errorf("%s shows it: %s", q.op, text)
		}
	}
	if v := w.want(201, request{op: manage.OpCreateClient, path: "/clients", body: `{"id":"pub","name":"Pub","capabilities":["code"],"redirect_uris":["https://a.example/cb"]}`}); v["secret"] != nil || v["confidential"] != false {
		t.Errorf("a public client: %v", v)
	}
	w.want(422, request{op: manage.OpResetClientSecret, path: "/clients/" + w.keyClient() + "/secret"})
}

// keyClient makes a client that authenticates by a key.
func (w *world) keyClient() string {
	w.want(201, request{op: manage.OpCreateClient, path: "/clients", body: `{"id":"keyed","name":"Keyed","capabilities":["client_credentials"],"token_endpoint_auth_method":"private_key_jwt","jwks_uri":"https://keyed.example.com/jwks"}`})
	return "keyed"
}

func TestWhatAFileManagesIsNotChangedHere(t *testing.T) {
	w := newWorld(t)
	file := "usher: 1\nname: ops.yaml\nprofile: {access_token_seconds: 120}\nclients:\n  - id: filed\n    name: Filed\n    capabilities: [code]\n    redirect_uris: [https://filed.example.com/cb]\n"
	if v := w.want(200, request{op: manage.OpApply, path: "/apply", kind: "application/yaml", body: file}); v["applied"] != true || len(v["changes"].([]any)) != 2 {
		t.Fatalf("got %v", v)
	}
	for _, q := range []request{
		{op: manage.OpChangeClient, path: "/clients/filed", match: "*", body: `{"name":"x"}`},
		{op: manage.OpRemoveClient, path: "/clients/filed", match: "*"},
		{op: manage.OpResetClientSecret, path: "/clients/filed/secret"},
		{op: manage.OpChangeProfile, path: "/profile", match: "*", body: `{"access_token_seconds":60}`},
	} {
		if v := w.want(409, q); v["type"] != typeManaged || v["managed_by"] == "" {
			t.Errorf("%s: %v", q.op, v)
		}
	}
	w.want(200, request{op: manage.OpReleaseClient, path: "/clients/filed/release"})
	w.want(200, request{op: manage.OpChangeClient, path: "/clients/filed", match: "*", body: `{"name":"x"}`})
	w.want(200, request{op: manage.OpReleaseProfile, path: "/profile/release"})
	w.want(200, request{op: manage.OpChangeProfile, path: "/profile", match: "*", body: `{"id_token_seconds":60,"access_token_seconds":60}`})
}

func TestFilesThatAreWrongAreToldByLineAndChangeNothing(t *testing.T) {
	w := newWorld(t)
	v := w.want(422, request{op: manage.OpApply, path: "/apply", kind: "application/yaml", body: "usher: 1\nname: x\nclients:\n  - id: bad\n    nonsense: 1\n  - id: shop2\n    secret: {env: HOME}\n"})
	lines := map[float64]bool{}
	for _, one := range v["errors"].([]any) {
		lines[one.(map[string]any)["line"].(float64)] = true
	}
	if !lines[5] || !lines[7] {
		t.Errorf("faults: %v", v["errors"])
	}
	w.want(422, request{op: manage.OpImportCurity, path: "/import/curity", kind: "text/xml", body: "<config><unclosed>"})
	for _, id := range []string{"bad", "shop2"} {
		w.want(404, request{op: manage.OpShowClient, path: "/clients/" + id})
	}
}

func TestImportTakesClientsOver(t *testing.T) {
	w := newWorld(t)
	if v := w.want(200, request{op: manage.OpImportCurity, path: "/import/curity?dry_run=true", kind: "application/xml", body: curityXML}); v["applied"] != false {
		t.Errorf("got %v", v)
	}
	w.want(404, request{op: manage.OpShowClient, path: "/clients/taken-over"})
	w.want(200, request{op: manage.OpImportCurity, path: "/import/curity", kind: "application/xml", body: curityXML})
	w.want(200, request{op: manage.OpShowClient, path: "/clients/taken-over"})
}

func TestOperatorsAccountsAreForAdmins(t *testing.T) {
	w := newWorld(t)
	boss := "/accounts/" + w.boss.ID.String()
	for _, q := range []request{
		{op: manage.OpChangeAccount, path: boss, match: "*", body: `{"name":"x"}`},
		{op: manage.OpRemoveAccount, path: boss, match: "*"},
		{op: manage.OpLockAccount, path: boss + "/lock"},
		{op: manage.OpSetPassword, path: boss + "/password", body: `{"password":"three blind mice"}`},
		{op: manage.OpCreatePasswordLink, path: boss + "/password-link"},
	} {
		q.bearer = "operator"
		w.want(403, q)
	}
	w.want(403, request{op: manage.OpRemoveOperator, path: "/operators/" + w.boss.ID.String()}) // the last admin
	w.want(422, request{op: manage.OpSetRole, path: "/operators/" + w.ann.ID.String(), body: `{"role":"emperor"}`})
}

func TestTryingAClientThatCannotBeTried(t *testing.T) {
	w := newWorld(t)
	w.want(422, request{op: manage.OpTryClient, path: "/clients/orders/try"})
}

func TestUndo(t *testing.T) {
	w := newWorld(t)
	w.want(200, request{op: manage.OpChangeClient, path: "/clients/shop", match: "*", body: `{"name":"Another"}`})
	undo := request{op: manage.OpUndoChange, path: "/changes/" + w.change + "/undo"}
	if v := w.want(409, undo); v["type"] != typeConflict {
		t.Errorf("got %v", v)
	}
	w.want(200, request{op: manage.OpChangeClient, path: "/clients/shop", match: "*", body: `{"name":"The shop"}`})
	w.want(204, undo)
	if v := w.want(200, request{op: manage.OpShowClient, path: "/clients/shop"}); v["name"] != "Shop" {
		t.Errorf("got %v", v["name"])
	}
}

func TestUndoOfWhatIsNotValidAnyMore(t *testing.T) {
	w := newWorld(t)
	w.want(200, request{op: manage.OpChangeClient, path: "/clients/shop", match: "*", body: `{"scope":["openid"]}`})
	changes := w.want(200, request{op: manage.OpListChanges, path: "/changes?kind=client&subject=shop&limit=1"})
	id := changes["items"].([]any)[0].(map[string]any)["id"].(string)
	p, err := w.m.Profile(t.Context())
	w.must(err)
	p.Scopes = slices.DeleteFunc(p.Scopes, func(s oauth.Scope) bool { return s.Name == "read" })
	scopes, _ := json.Marshal(p.Scopes)
	w.want(200, request{op: manage.OpChangeProfile, path: "/profile", match: "*", body: `{"scopes":` + string(scopes) + `}`})
	w.want(422, request{op: manage.OpUndoChange, path: "/changes/" + id + "/undo"})
}

func TestAuditIsExportedWholeAndHarmless(t *testing.T) {
	w := newWorld(t)
	for range 600 { // more than a page
		w.must(w.m.Store.Record(t.Context(), store.Audit{Event: store.EventSignIn, Actor: "=cmd()", Detail: `+1 "a", b`, Count: 1}))
	}
	rows, err := csv.NewReader(w.do(request{op: manage.OpExportAudit, path: "/audit/export?format=csv&event=sign_in"}).Body).ReadAll()
	if err != nil || len(rows) != 601 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows[1:] {
		if row[3] != "'=cmd()" || row[8] != `'+1 "a", b` {
			t.Fatalf("got %q", row)
		}
	}
	rec := w.do(request{op: manage.OpExportAudit, path: "/audit/export?event=sign_in"})
	var list []manage.AuditView
	if err := json.Unmarshal(rec.Body.Bytes(), &list); err != nil || len(list) != 600 || list[0].Actor != "=cmd()" {
		t.Errorf("%d records, %v", len(list), err)
	}
	if got := rec.Header().Get("Content-Disposition"); got != `attachment; filename="audit.json"` {
		t.Errorf("got %q", got)
	}
}

func TestAuditIsFollowedFromARecord(t *testing.T) {
	w := newWorld(t)
	newest := w.want(200, request{op: manage.OpListAudit, path: "/audit?limit=1"})["items"].([]any)[0].(map[string]any)["id"].(string)
	if v := w.want(200, request{op: manage.OpListAudit, path: "/audit?after=" + newest}); len(v["items"].([]any)) != 0 {
		t.Fatalf("got %v", v)
	}
	w.want(200, request{op: manage.OpLockAccount, path: "/accounts/" + w.ann.ID.String() + "/lock"})
	w.want(200, request{op: manage.OpUnlockAccount, path: "/accounts/" + w.ann.ID.String() + "/unlock"})
	v := w.want(200, request{op: manage.OpListAudit, path: "/audit?event=account_locked&after=" + newest})
	if list := v["items"].([]any); len(list) != 1 || list[0].(map[string]any)["actor"] != "operator:admin" {
		t.Errorf("got %v", list)
	}
}

func TestHEADIsNotOffered(t *testing.T) {
	w := newWorld(t)
	r := httptest.NewRequest(http.MethodHead, Prefix+"/audit/export", nil)
	r.Header.Set("Authorization", "Bearer admin")
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, r)
	if rec.Code != http.StatusMethodNotAllowed || rec.Header().Get("Allow") != "GET" {
		t.Errorf("%d, Allow %q", rec.Code, rec.Header().Get("Allow"))
	}
}

func TestChallenges(t *testing.T) {
	w := newWorld(t)
	if got := w.do(request{op: manage.OpShowProfile, path: "/profile", bearer: "-"}).Header().Get("WWW-Authenticate"); got != `Bearer realm="usher"` {
		t.Errorf("without a token: %s", got)
	}
	got := w.do(request{op: manage.OpChangeProfile, path: "/profile", bearer: "viewer"}).Header().Get("WWW-Authenticate")
	if got != `Bearer realm="usher", error="insufficient_scope", error_description="This needs more."` {
		t.Errorf("with too little: %s", got)
	}
}
