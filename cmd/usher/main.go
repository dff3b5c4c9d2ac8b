// Command usher is an identity server for single page apps. `usher demo` starts one with everything
// that is needed to try it; `usher serve` runs one by its configuration.
package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

func main() {
	root := newRoot()
	root.SetArgs(identifiersLast(os.Args[1:]))
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "usher: "+explain(err))
		os.Exit(1)
	}
}

// identifiersLast moves what is an identifier that begins with a dash, which would be taken for a flag, behind "--".
func identifiersLast(args []string) []string {
	var others, ids []string
	for _, arg := range args {
		if _, err := oauth.ParseID(arg); err == nil && strings.HasPrefix(arg, "-") {
			ids = append(ids, arg)
		} else {
			others = append(others, arg)
		}
	}
	if len(ids) == 0 || slices.Contains(others, "--") {
		return args
	}
	return append(append(others, "--"), ids...)
}

// explain adds to an error what can be done about it, where the error does not say so itself.
func explain(err error) string {
	text := err.Error()
	switch {
	case errors.Is(err, manage.ErrNotSetUp):
		return text + ": give a master key (--master-key-file or USHER_MASTER_KEY) so that its keys can be made, or start 'usher serve' once"
	case errors.Is(err, store.ErrNotFound):
		kind, _, _ := strings.Cut(text, " ")
		if list := listOf(kind); list != "" {
			return text + "; see " + list
		}
	case errors.Is(err, store.ErrConflict):
		return "somebody else changed this at the same moment; look at it again and repeat the command"
	}
	if managed := (*manage.Managed)(nil); errors.As(err, &managed) {
		kind, id, _ := strings.Cut(strings.TrimPrefix(managed.What, "the "), " ")
		return text + " ('" + strings.TrimSpace("usher "+kind+" release "+id) + "')"
	}
	return text
}

// listOf is the command that lists things of a kind; none where there is no such list.
func listOf(kind string) string {
	switch kind {
	case "client", "user", "session", "delegation":
		return "'usher " + kind + " list'"
	case "change":
		return "'usher history list'"
	case "key":
		return "'usher keys list'"
	}
	return ""
}
