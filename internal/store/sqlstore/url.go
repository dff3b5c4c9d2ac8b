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

// SQLitePath is the path of the database of an SQLite URL; empty for PostgreSQL.
func SQLitePath(url string) (string, error) {
	t, err := parseURL(url)
	if err != nil || t.dialect != sqliteDialect {
		return "", err
	}
	return t.name, nil
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
		shown, ok := withoutUser(s)
		if !ok {
			// The error of url.Parse would show the URL and so the password.
			return target{}, errors.New("database URL: not a valid postgres:// URL; special characters in its password are written as %XX")
		}
		return target{postgresDialect, s, shown}, nil
	}
	return target{}, errors.New("database URL: it begins with sqlite: or postgres://, for example sqlite:/var/lib/usher/usher.db")
}

// withoutUser checks a PostgreSQL URL, which may name several hosts, and returns scheme, hosts and path.
func withoutUser(s string) (shown string, ok bool) {
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		return "", false
	}
	end := len(rest)
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		end = i
	}
	authority, rest := rest[:end], rest[end:]
	user, hosts := "", authority
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		user, hosts = authority[:at+1], authority[at+1:]
	}
	for i, host := range strings.Split(hosts, ",") {
		// Each host alone makes a URL as others are. An @ in the path is the rest of a password with a slash.
		u, err := url.Parse(scheme + "://" + user + host + rest)
		if err != nil || u.Opaque != "" || strings.Contains(u.Path, "@") {
			return "", false
		}
		if i == 0 {
			shown = (&url.URL{Scheme: u.Scheme, Path: u.Path}).EscapedPath()
		}
	}
	return scheme + "://" + hosts + shown, true
}
