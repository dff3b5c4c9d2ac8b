package main

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/admin/api"
	"github.com/usher-id/usher/internal/admin/pages"
	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
)

// ownCommands do no operation of the server's: what they need is this machine, not the server's data. Each has its reason.
var ownCommands = map[string]string{
	"serve":              "runs a node on this machine",
	"demo":               "runs a node on this machine",
	"trust":              "changes this machine's trust stores",
	"version":            "says which program this is",
	"check-config":       "reads this machine's files before a node starts",
	"completion":         "is for this machine's shell",
	"help":               "is for who sits here",
	"backup":             "copies the database's file on this machine",
	"restore":            "replaces the database, which no running node could outlive",
	"keys new-master":    "makes a file; the master key is never in the server's data",
	"keys reset":         "needs a new master key, which no running node has",
	"keys change-master": "needs two master keys, of which a running node has one",
}

// TestPagesAPIAndCommandsDoTheSame derives what can be done from the routes of the pages, from the OpenAPI document and from
// the command tree, and holds each against what there is to do.
func TestPagesAPIAndCommandsDoTheSame(t *testing.T) {
	var want []string
	for _, op := range manage.Operations() {
		want = append(want, string(op))
	}
	surfaces := map[string][]string{
		"pages":            routed(t, pages.New(pagesOptions()).Routes()),
		"API":              routed(t, api.New(apiOptions()).Routes()),
		"OpenAPI document": documented(t),
		"command line":     commanded(t),
	}
	for name, got := range surfaces {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("operations (- there are, + offered):\n%s", diff)
			}
		})
	}
}

func pagesOptions() pages.Options {
	return pages.Options{
		RuntimeURL: "https://localhost:8443", AdminURL: "https://localhost:6749", Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	}
}

func apiOptions() api.Options {
	return api.Options{AdminURL: "https://localhost:6749", Issuer: "https://localhost:8443/oauth/v2/oauth-anonymous", Logger: slog.New(slog.DiscardHandler)}
}

func routed(t *testing.T, routes []route.Route) []string {
	var ops []string
	for _, r := range routes {
		if _, known := manage.Least(r.Op); !known {
			t.Errorf("%s names the operation %q, which there is not", r.Pattern, r.Op)
		}
		ops = append(ops, string(r.Op))
	}
	return set(ops)
}

func documented(t *testing.T) []string {
	w := httptest.NewRecorder()
	api.New(apiOptions()).Document(w, httptest.NewRequest("GET", "https://localhost:6749/admin/api/v1/openapi.json", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("the document answers %d", w.Code)
	}
	var doc struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	var ops []string
	for path, methods := range doc.Paths {
		for method, text := range methods {
			if !slices.Contains([]string{"get", "put", "post", "patch", "delete"}, method) {
				continue
			}
			var operation struct {
				OperationID string `json:"operationId"`
			}
			if err := json.Unmarshal(text, &operation); err != nil || operation.OperationID == "" {
				t.Errorf("%s %s has no operationId (%v)", method, path, err)
			}
			ops = append(ops, operation.OperationID)
		}
	}
	return set(ops)
}

// commanded lists the operations of the command tree. Every command that has none has to be among ownCommands.
func commanded(t *testing.T) []string {
	var ops []string
	for _, cmd := range leaves(newRoot()) {
		text := cmd.Annotations[operationKey]
		name := strings.TrimPrefix(cmd.CommandPath(), "usher ")
		switch _, own := ownCommands[name]; {
		case own && text != "":
			t.Errorf("%s is in ownCommands and yet names an operation", name)
		case !own && text == "":
			t.Errorf("%s names no operation and gives no reason", name)
		case text != "":
			ops = append(ops, strings.Split(text, ",")...)
		}
	}
	return set(ops)
}

func TestOwnCommandsAreThere(t *testing.T) {
	root := newRoot()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for name := range ownCommands {
		if cmd, _, err := root.Find(strings.Fields(name)); err != nil || cmd == root {
			t.Errorf("there is no command %q any more", name)
		}
	}
}

// TestEveryCommandTeaches wants a short text and an example of each command.
func TestEveryCommandTeaches(t *testing.T) {
	for _, cmd := range leaves(newRoot()) {
		if cmd.Short == "" || cmd.Example == "" {
			t.Errorf("%s has no short text or no example", cmd.CommandPath())
		}
	}
}

// leaves are the commands that do something.
func leaves(cmd *cobra.Command) []*cobra.Command {
	if !cmd.HasSubCommands() {
		return []*cobra.Command{cmd}
	}
	var list []*cobra.Command
	for _, sub := range cmd.Commands() {
		list = append(list, leaves(sub)...)
	}
	return list
}

func set(ops []string) []string {
	slices.Sort(ops)
	return slices.Compact(ops)
}
