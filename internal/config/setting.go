package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// originDefault is the origin of a value that nobody gave.
const originDefault = "default"

// Setting is one setting as people look at it: no secret is in it.
type Setting struct {
	Key, Value, Default, Help string
	// Origin says who gave the value: "default", "file", "environment" or "flag".
	Origin   string
	Insecure bool
}

// Settings lists every setting in the order in which people read them.
func (c *Config) Settings() []Setting {
	insecure := c.InsecureSettings()
	var list []Setting
	for _, f := range Fields() {
		list = append(list, Setting{
			Key: f.Key, Value: settingText(f.Key, reflect.ValueOf(c).Elem().Field(f.index).Interface()), Default: f.Default, Help: f.Help,
			Origin: c.originOf(f), Insecure: slices.Contains(insecure, f.Key),
		})
	}
	return list
}

func settingText(key string, value any) string {
	switch v := value.(type) {
	case []netip.Prefix:
		text := make([]string, len(v))
		for i, p := range v {
			text[i] = p.String()
		}
		return strings.Join(text, ", ")
	case slog.Level:
		return strings.ToLower(v.String())
	}
	text := fmt.Sprint(value)
	if key == "database" {
		return withoutPassword(text)
	}
	return text
}

// withoutPassword is a database address that may be shown.
func withoutPassword(address string) string {
	scheme, _, _ := strings.Cut(address, ":")
	u, err := url.Parse(address)
	switch {
	case scheme == "sqlite":
		return address
	case err != nil:
		return scheme + ":..."
	}
	q := u.Query()
	for name := range q {
		if strings.Contains(strings.ToLower(name), "password") {
			q.Set(name, "xxxxx")
		}
	}
	u.RawQuery = q.Encode()
	return u.Redacted()
}

// originOf is the kind of source that gave the value. A command that made the configuration itself (the demo) counts as one
// with flags.
func (c *Config) originOf(f Field) string {
	origin, known := c.origin[f.Key]
	value := reflect.ValueOf(c).Elem().Field(f.index)
	switch {
	case known && origin == originDefault:
		return originDefault
	case strings.HasPrefix(origin, "--"):
		return "flag"
	case strings.HasPrefix(origin, envPrefix):
		return "environment"
	case known:
		return "file"
	case value.IsZero() || settingText(f.Key, value.Interface()) == f.Default:
		return originDefault
	}
	return "flag"
}
