package sqlstore

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

type dialect int

const (
	sqliteDialect dialect = iota
	postgresDialect
)

// target is a database URL taken apart.
type target struct {
	dialect dialect
	// name is the file of SQLite, the whole URL of PostgreSQL.
	name string
	// shown is for people: it holds no password.
	shown string
}

func parseURL(s string) (target, error) {
	scheme, rest, _ := strings.Cut(s, ":")
	switch scheme {
	case "sqlite":
		if after, ok := strings.CutPrefix(rest, "//"); ok {
			rest = after
			if !strings.HasPrefix(rest, "/") {
				return target{}, fmt.Errorf("database URL %q: write sqlite:/absolute/path/usher.db, or sqlite:usher.db for a relative path", s)
			}
		}
		if rest == "" || strings.HasSuffix(rest, "/") || strings.ContainsAny(rest, "\x00?#") || strings.HasPrefix(rest, ":") {
			return target{}, fmt.Errorf("database URL %q: sqlite: is followed by the path of a file, without ? or #", s)
		}
		return target{sqliteDialect, rest, "sqlite:" + rest}, nil
	case "postgres", "postgresql":
		u, err := url.Parse(s)
		if err != nil || u.Opaque != "" {
			// The error of url.Parse would show the URL and so the password.
			return target{}, errors.New("database URL: not a valid postgres:// URL; special characters in its password are written as %XX")
		}
		shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
		return target{postgresDialect, s, shown.String()}, nil
	}
	return target{}, errors.New("database URL: it begins with sqlite: or postgres://, for example sqlite:/var/lib/usher/usher.db")
}
