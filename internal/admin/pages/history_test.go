package pages

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

var noAudit store.Audit

func TestAChangeIsShownAsADifferenceAndUndone(t *testing.T) {
	w := newWorld(t)
	w.furnish()
	_, _, err := w.manager.ChangeClient(t.Context(), "shop", func(c *oauth.Client) { c.RedirectURIs = append(c.RedirectURIs, "https://shop.example/other") })
	w.must(err)
	changes, err := w.manager.Changes(t.Context(), store.ChangeFilter{Kind: "client", Subject: "shop"}, "", 10)
	w.must(err)
	newest := changes.Items[0]
	for _, c := range changes.Items {
		if _, d, err := w.manager.Change(t.Context(), c.ID); err == nil && len(d) == 1 {
			newest = c // both were made within the same millisecond
		}
	}
	path := "/admin/changes/" + newest.ID.String()
	a := w.get(path).want(http.StatusOK)
	added := a.all("ins", "", "")
	if len(added) != 1 || added[0].text() != "https://shop.example/other" || len(a.all("del", "", "")) != 0 {
		t.Errorf("the difference: %s", a.text())
	}
	form := w.get(path + "/undo").want(http.StatusOK).form(path + "/undo")
	w.post(path+"/undo", form).wantRedirect("/admin/changes?done=undone&kind=client&subject=shop")
	c, err := w.manager.Client(t.Context(), "shop")
	w.must(err)
	if len(c.RedirectURIs) != 1 {
		t.Errorf("not undone: %v", c.RedirectURIs)
	}
}

func TestUndoingWhatWasChangedSinceIsAConflict(t *testing.T) {
	w := newWorld(t)
	change := func(seconds int) {
		_, _, err := w.manager.ChangeProfile(t.Context(), func(p *oauth.Profile) error { p.AccessTokenSeconds = seconds; return nil })
		w.must(err)
	}
	change(90)
	changes, err := w.manager.Changes(t.Context(), store.ChangeFilter{Kind: "profile"}, "", 10)
	w.must(err)
	change(91)
	w.post("/admin/changes/"+changes.Items[0].ID.String()+"/undo", nil).want(http.StatusConflict).wantText("Somebody else changed this", "Access token lifetime")
}

func TestTheAuditLogIsFiltered(t *testing.T) {
	w := newWorld(t)
	w.furnish()
	a := w.get("/admin/audit?user=" + url.QueryEscape(w.odd.Username) + "&event=sign_in").want(http.StatusOK)
	if rows := a.all("tr", "", ""); len(rows) != 2 { // with the heading
		t.Errorf("%d rows: %s", len(rows), a.text())
	}
	a.wantText(w.odd.Username, "192.0.2.1")
	w.get("/admin/audit?from=2026-03-05").wantText("Nothing matches")
	w.get("/admin/audit?from=2026-03-04&to=2026-03-04&event=sign_in").wantText("192.0.2.1")
	w.get("/admin/audit?from=yesterday").want(http.StatusUnprocessableEntity).wantFault("from", "no time")
	w.get("/admin/audit?event=sign_in_failure").want(http.StatusUnprocessableEntity).wantFault("event", "is no event")
	w.get("/admin/audit?user=nobody").want(http.StatusUnprocessableEntity).wantFault("user", "no user of this name")
}

// TestANameThatLooksLikeAnIDHidesNobody: 22 letters can be either.
func TestANameThatLooksLikeAnIDHidesNobody(t *testing.T) {
	w := newWorld(t)
	acc := w.addAccount(newID().String(), "")
	w.must(w.manager.Store.Record(t.Context(), store.Audit{
		ID: idAt(w.now), At: w.now, Event: store.EventSignIn, Actor: "user", AccountID: acc.ID, Address: "192.0.2.77", Count: 1,
	}))
	w.get("/admin/audit?user=" + acc.Username).want(http.StatusOK).wantText("192.0.2.77")
	w.get("/admin/audit?user=" + acc.ID.String()).want(http.StatusOK).wantText("192.0.2.77")
}

// deadlines notes which deadlines are set.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}

func TestADownloadMayTakeLongerThanAPage(t *testing.T) {
	d := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	l := &lateWriter{w: d, begin: func(http.Header) {}}
	for range 2 {
		if _, err := l.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if len(d.set) != 2 || time.Until(d.set[1]) < patience/2 {
		t.Errorf("deadlines %v", d.set)
	}
}

func TestFollowingReloadsOnThatViewAlone(t *testing.T) {
	w := newWorld(t)
	if n := len(w.get("/admin/audit").all("meta", "http-equiv", "refresh")); n != 0 {
		t.Error("the log reloads by itself")
	}
	a := w.get("/admin/audit?follow=yes")
	if len(a.all("meta", "http-equiv", "refresh")) != 1 || !strings.Contains(a.body, "data-follow>") {
		t.Error("following does not reload")
	}
}

func TestTheAuditLogIsExported(t *testing.T) {
	w := newWorld(t)
	w.furnish()
	a := w.get("/admin/audit/export?format=csv&event=sign_in").want(http.StatusOK)
	rows, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
	if err != nil || len(rows) != 2 || a.header.Get("Content-Type") != "text/csv; charset=utf-8" {
		t.Errorf("%v %v %s", err, a.header, a.body)
	}
	a = w.get("/admin/audit/export?format=json").want(http.StatusOK)
	var records []map[string]any
	if err := json.Unmarshal([]byte(a.body), &records); err != nil || len(records) < 3 {
		t.Errorf("%v: %s", err, a.body)
	}
	w.get("/admin/audit/export?format=pdf").want(http.StatusBadRequest).wantText("Format")
	w.get("/admin/audit/export?format=csv&from=soon").want(http.StatusBadRequest)
}

func upload(w *world, path, text string, more url.Values) answer {
	w.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	part, err := m.CreateFormFile("file", "usher.yaml")
	w.must(err)
	part.Write([]byte(text))
	for name := range more {
		w.must(m.WriteField(name, more.Get(name)))
	}
	w.must(m.Close())
	r := httptest.NewRequest("POST", path, &body)
	r.Header.Set("Content-Type", m.FormDataContentType())
	return w.as(oauth.RoleAdmin, r)
}

func TestAFileIsAppliedAsItWasShown(t *testing.T) {
	w := newWorld(t)
	w.furnish()
	const path = "/admin/files/apply"
	exported := w.get("/admin/files/usher.yaml").want(http.StatusOK).body
	upload(w, path, exported, nil).want(http.StatusOK).wantText("It would change nothing")
	text := strings.Replace(exported, "access_token_seconds: 300", "access_token_seconds: 200", 1)
	a := upload(w, path, text, nil).want(http.StatusOK).wantText("What it would change", "200")
	if w.profile().AccessTokenSeconds != 300 {
		t.Fatal("looking changed something")
	}
	second := a.form(path)
	_, _, err := w.manager.ChangeProfile(t.Context(), func(p *oauth.Profile) error { p.AccessTokenSeconds = 250; return nil })
	w.must(err)
	stale := w.post(path, second).want(http.StatusConflict).wantText("Something changed meanwhile", "250")
	w.post(path, stale.form(path)).wantRedirect("/admin/changes?done=applied")
	if w.profile().AccessTokenSeconds != 200 {
		t.Error("not applied")
	}
}

func TestABadFileSaysItsFaultsByLine(t *testing.T) {
	w := newWorld(t)
	a := upload(w, "/admin/files/apply", "version: 1\nprofile:\n  nonsense: 1\n", nil).want(http.StatusUnprocessableEntity)
	a.wantText("nothing was changed", "nonsense: 1")
	if kept := a.form("/admin/files/apply"); !strings.Contains(kept.Get("text"), "nonsense") {
		t.Errorf("kept %q", kept.Get("text"))
	}
	w.post("/admin/files/apply", url.Values{"text": {" "}}).want(http.StatusUnprocessableEntity).wantFault("text", "choose a file")
}

func TestAFileThatIsTooLargeIsSentElsewhere(t *testing.T) {
	w := newWorld(t)
	body := "--x\r\nContent-Disposition: form-data; name=text\r\n\r\n" + strings.Repeat("y", 50_000)
	bounded := http.MaxBytesReader(nil, io.NopCloser(strings.NewReader(body)), 10_000) // as the door does
	r := httptest.NewRequest("POST", "/admin/files/apply", bounded)
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	w.as(oauth.RoleAdmin, r).want(http.StatusBadRequest).wantText("usher apply")
}

// What a file refers to would be this server's, not the sender's.
func TestAFileRefersToNothingOfThisServers(t *testing.T) {
	w := newWorld(t)
	t.Setenv("USHER_TEST_SECRET", strings.Repeat("x", 40))
	text := "usher: 1\nclients:\n  - id: web\n    capabilities: [code]\n    redirect_uris: [https://web.example/cb]\n" +
		"    token_endpoint_auth_method: client_secret_basic\n    secret: {env: USHER_TEST_SECRET}\n"
	upload(w, "/admin/files/apply", text, nil).want(http.StatusUnprocessableEntity).wantText("command line alone")
}

func TestKeysAreRotatedAndRevoked(t *testing.T) {
	w := newWorld(t)
	w.get("/admin/keys").want(http.StatusOK).wantText("in force")
	w.post("/admin/keys/rotate", nil).wantRedirect("/admin/keys?done=keys-rotated")
	w.post("/admin/keys/rotate", nil).wantRedirect("/admin/keys?done=keys-there-already")
	keys, err := w.manager.Keys(t.Context())
	w.must(err)
	path := "/admin/keys/" + keys[0].ID + "/revoke"
	form := w.get(path).want(http.StatusOK).wantText("This ends at once").form(path)
	w.post(path, form).wantRedirect("/admin/keys?done=key-revoked")
	w.post(path, form).want(http.StatusNotFound)
}

func TestRolesAreGivenAndTaken(t *testing.T) {
	w := newWorld(t)
	bob := w.addAccount("bob", "")
	const path = "/admin/operators/new"
	w.post(path, url.Values{"username": {"nobody"}, "role": {"viewer"}}).want(http.StatusUnprocessableEntity).wantFault("username", "no account")
	w.post(path, url.Values{"username": {"bob"}, "role": {"king"}}).want(http.StatusUnprocessableEntity).wantFault("role", "unknown")
	w.post(path, url.Values{"username": {"bob"}, "role": {"operator"}}).wantRedirect("/admin/operators?done=role-set")
	w.get("/admin/operators").wantText("bob", "ada", "you")
	at := "/admin/operators/" + bob.ID.String()
	w.post(at+"/remove", w.get(at+"/remove").form(at+"/remove")).wantRedirect("/admin/operators?done=operator-removed")
	w.must(w.manager.RemoveOperator(t.Context(), w.root.ID))
	own := "/admin/operators/" + w.ada.ID.String() + "/remove"
	w.post(own, w.get(own).wantText("your own account").form(own)).want(http.StatusForbidden).wantText("You may not do this")
}

func TestAnOperatorsLinkIsShownOnce(t *testing.T) {
	w := newWorld(t)
	const path = "/admin/operators/link"
	form := w.get(path).form(path)
	form.Set("username", "ada") // is more than a viewer
	w.post(path, form).want(http.StatusUnprocessableEntity).wantFault("role", "takes nothing away")
	form.Set("username", "")
	a := w.post(path, form).want(http.StatusOK)
	if link := a.all("pre", "id", "link"); len(link) != 1 || !strings.HasPrefix(link[0].text(), "https://id.example:6749/admin/link?code=") {
		t.Errorf("no link: %s", a.text())
	}
	// "until in 14 minutes" would be no sentence.
	if until := a.all("time", "", ""); len(until) != 1 || !until[0].has("data-exact") || !strings.HasSuffix(until[0].text(), " UTC") {
		t.Errorf("not good until a time: %s", a.text())
	}
}
