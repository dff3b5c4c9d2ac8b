package scim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/authn"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/store"
)

const maxBody = 1 << 20 // bytes

// read reads a JSON body of bounded size.
func read(c *route.Call, into any) error {
	kind, _, err := mime.ParseMediaType(c.R.Header.Get("Content-Type"))
	if err != nil || kind != "application/scim+json" && kind != "application/json" {
		return &scimError{http.StatusUnsupportedMediaType, "", "Send application/scim+json."}
	}
	text, err := io.ReadAll(http.MaxBytesReader(c.W, c.R.Body, maxBody))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return bad(invalidSyntax, "The body is no such JSON object: %s.", oauth.Printable(err.Error()))
	}
	return nil
}

// readUser reads a User.
func readUser(c *route.Call) (object, error) {
	var sent map[string]any
	if err := read(c, &sent); err != nil {
		return nil, err
	}
	if err := says(sent, schemaUser); err != nil {
		return nil, err
	}
	u, err := clean(sent, allAttributes)
	if err == nil {
		composeName(u)
	}
	return u, err
}

// says makes sure that a body is what its schemas say (RFC 7643 §3). One that says nothing is taken at its word.
func says(sent map[string]any, schema string) error {
	var value any
	for name, v := range sent {
		if strings.EqualFold(name, "schemas") {
			value = v
		}
	}
	list, is := value.([]any)
	if value == nil || is && slices.ContainsFunc(list, func(v any) bool {
		text, _ := v.(string)
		return strings.EqualFold(text, schema)
	}) {
		return nil
	}
	return bad(invalidSyntax, "The schemas of the body do not have %s.", schema)
}

// account reads the account in the path.
func account(c *route.Call) (oauth.Account, error) {
	id, err := oauth.ParseID(c.R.PathValue("id"))
	if err != nil {
		return oauth.Account{}, store.ErrNotFound
	}
	return c.Manage.Account(c.R.Context(), id)
}

// answerUser shows an account.
func (s *Service) answerUser(c *route.Call, status int, acc *oauth.Account) error {
	h := c.W.Header()
	h.Set("ETag", version(acc.Version))
	if status == http.StatusCreated {
		h.Set("Location", s.location(acc.ID))
	}
	if match := c.R.Header.Get("If-None-Match"); c.R.Method == http.MethodGet && match != "" && names(match, acc.Version) {
		c.W.Header().Set("Cache-Control", "no-store")
		c.W.WriteHeader(http.StatusNotModified)
		return nil
	}
	v := c.R.URL.Query()
	return answer(c.W, status, project(s.userOf(acc), list(v.Get("attributes")), list(v.Get("excludedAttributes"))))
}

// names tells whether a list of entity tags names the version. Weak tags count also before a change: they are the only
// ones that SCIM's clients have (RFC 7644 §3.14).
func names(tags string, v int64) bool {
	for tag := range strings.SplitSeq(tags, ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || strings.TrimPrefix(tag, "W/") == strings.TrimPrefix(version(v), "W/") {
			return true
		}
	}
	return false
}

// changing is a manager that changes the version that is there, if it is the one that the request names, if any.
func changing(c *route.Call, acc *oauth.Account) (*manage.Manager, error) {
	m := *c.Manage
	if match := c.R.Header.Get("If-Match"); match != "" {
		if !names(match, acc.Version) {
			return nil, &manage.Conflict{Current: *acc}
		}
		if match != "*" {
			m.IfVersion = acc.Version
		}
	}
	return &m, nil
}

func (s *Service) show(c *route.Call) error {
	acc, err := account(c)
	if err != nil {
		return err
	}
	return s.answerUser(c, http.StatusOK, &acc)
}

func (s *Service) create(c *route.Call) error {
	u, err := readUser(c)
	if err != nil {
		return err
	}
	ctx := c.R.Context()
	want := accountOf(oauth.Account{}, u)
	acc, err := c.Manage.CreateAccount(ctx, want, textOf(u, "password"))
	if err != nil {
		return taken(ctx, c.Manage, oauth.ID{}, want, err)
	}
	if u["active"] == false {
		if err := c.Manage.LockAccount(ctx, acc.ID); err != nil {
			return err
		}
		if acc, err = c.Manage.Account(ctx, acc.ID); err != nil {
			return err
		}
	}
	return s.answerUser(c, http.StatusCreated, &acc)
}

// replace leaves nothing of the User that is not in the request (RFC 7644 §3.5.1), save what is no attribute of a User.
func (s *Service) replace(c *route.Call) error {
	u, err := readUser(c)
	if err != nil {
		return err
	}
	return s.change(c, func(oauth.Account) (object, error) { return u, nil })
}

func (s *Service) patch(c *route.Call) error {
	var sent map[string]any
	if err := read(c, &sent); err != nil {
		return err
	}
	if err := says(sent, schemaPatch); err != nil {
		return err
	}
	operations, err := operationsOf(sent)
	if err != nil {
		return err
	}
	return s.change(c, func(acc oauth.Account) (object, error) {
		before := s.userOf(&acc)
		p := patching{user: maps.Clone(before)}
		for _, o := range operations {
			if err := p.apply(o); err != nil {
				return nil, err
			}
		}
		p.settle(before)
		return p.user, nil
	})
}

// change makes an account what become says of it. Directories send changes of one user side by side: where another was
// faster, and the request does not insist on a version, it begins anew, so that neither change is lost.
func (s *Service) change(c *route.Call, become func(oauth.Account) (object, error)) error {
	match := c.R.Header.Get("If-Match")
	for again := 5; ; again-- {
		acc, err := account(c)
		if err != nil {
			return err
		}
		u, err := become(acc)
		if err != nil {
			return err
		}
		err = s.update(c, acc, u)
		var conflict *manage.Conflict
		if again == 0 || !errors.As(err, &conflict) || match != "" && match != "*" {
			return err
		}
	}
}

func operationsOf(sent map[string]any) ([]operation, error) {
	var body struct{ Operations []operation }
	text, err := json.Marshal(sent)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &body); err != nil || len(body.Operations) == 0 {
		return nil, bad(invalidSyntax, "Operations is a list of objects with op, path and value.")
	}
	if len(body.Operations) > maxOperations {
		return nil, bad(tooMany, "A request has at most %d operations.", maxOperations)
	}
	return body.Operations, nil
}

// update makes an account what a User says. What may be refused comes before anything is changed (RFC 7644 §3.5.2): the
// password is judged, and a lock, which is what a directory wants most, is the first step; then come fields, password, unlock.
func (s *Service) update(c *route.Call, acc oauth.Account, u object) error {
	m, err := changing(c, &acc)
	if err != nil {
		return err
	}
	m.IfVersion = acc.Version // all that follows was decided by it
	ctx, want, password := c.R.Context(), accountOf(acc, u), textOf(u, "password")
	if password != "" {
		same, err := isPassword(ctx, m, &acc, password)
		if err != nil {
			return err
		}
		if same {
			password = ""
		}
	}
	if password != "" {
		if err := authn.CheckNewPassword(want.Username, password); err != nil {
			return manage.Invalid{{Field: "password", Problem: err.Error()}}
		}
	}
	active, said := u["active"].(bool)
	if said && !active && !acc.Locked {
		if err := m.LockAccount(ctx, acc.ID); err != nil {
			return err
		}
		m.IfVersion = 0 // what follows belongs to it
	}
	if err := changeFields(ctx, m, acc, want); err != nil {
		return err
	}
	if password != "" {
		if err := m.SetPassword(ctx, acc.ID, password); err != nil {
			return err
		}
		m.IfVersion = 0
	}
	if said && active && acc.Locked {
		if err := m.UnlockAccount(ctx, acc.ID); err != nil {
			return err
		}
	}
	now, err := m.Account(ctx, acc.ID)
	if err != nil {
		return err
	}
	return s.answerUser(c, http.StatusOK, &now)
}

// changeFields changes those that a User names; what the manager does then belongs to it.
func changeFields(ctx context.Context, m *manage.Manager, acc, want oauth.Account) error {
	if sameFields(&acc, &want) {
		return nil
	}
	_, _, err := m.ChangeAccount(ctx, acc.ID, func(a *oauth.Account) {
		a.Username, a.Name, a.Email = want.Username, want.Name, want.Email
		a.ExternalID, a.Attributes = want.ExternalID, want.Attributes
	})
	if err != nil {
		return taken(ctx, m, acc.ID, want, err)
	}
	m.IfVersion = 0
	return nil
}

// isPassword tells whether the account has the password already: a directory that sends it each time must not sign the
// user out each time. Who may not set it learns nothing: else an operator could guess an admin's.
func isPassword(
	ctx context.Context, m *manage.Manager, acc *oauth.Account, password string,
) (bool, error) {
	if acc.PasswordHash == "" || acc.Role != "" && !m.Role.AtLeast(oauth.RoleAdmin) {
		return false, nil
	}
	return m.HasPassword(ctx, acc.PasswordHash, password)
}

func sameFields(a, b *oauth.Account) bool {
	return a.Username == b.Username && a.Name == b.Name && a.Email == b.Email && a.ExternalID == b.ExternalID &&
		bytes.Equal(a.Attributes, b.Attributes)
}

func (s *Service) remove(c *route.Call) error {
	acc, err := account(c)
	if err != nil {
		return err
	}
	m, err := changing(c, &acc)
	if err != nil {
		return err
	}
	if err := m.RemoveAccount(c.R.Context(), acc.ID); err != nil {
		return err
	}
	c.W.Header().Set("Cache-Control", "no-store")
	c.W.WriteHeader(http.StatusNoContent)
	return nil
}
