package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// set writes a value of a YAML file, the environment or a flag into its field; problem is empty where it
// fits.
func set(c *Config, f Field, value any) (problem, fix string) {
	if value == nil {
		return "has no value", "give it one, or remove the line"
	}
	field := reflect.ValueOf(c).Elem().Field(f.index)
	var parsed any
	switch field.Interface().(type) {
	case string:
		parsed, problem, fix = parseString(value)
	case bool:
		parsed, problem, fix = parseBool(value)
	case int:
		parsed, problem, fix = parseInt(value)
	case time.Duration:
		parsed, problem, fix = parseDuration(value)
	case slog.Level:
		parsed, problem, fix = parseLevel(value)
	case []netip.Prefix:
		parsed, problem, fix = parsePrefixes(value)
	default:
		panic("config: no parser for the type of " + f.Key)
	}
	if problem == "" {
		field.Set(reflect.ValueOf(parsed))
	}
	return problem, fix
}

func parseString(value any) (string, string, string) {
	s, ok := value.(string)
	if !ok {
		return "", fmt.Sprintf("%v is not text", value), "put the value between quotes"
	}
	for _, r := range s {
		if r < 0x20 || r == 0x7f {
			return "", "holds a control character", "write the value on one line"
		}
	}
	return strings.TrimSpace(s), "", ""
}

func parseBool(value any) (bool, string, string) {
	switch value {
	case true, "true":
		return true, "", ""
	case false, "false":
		return false, "", ""
	}
	return false, fmt.Sprintf("%v is neither true nor false", value), "write true or false"
}

func parseInt(value any) (int, string, string) {
	if n, ok := value.(int); ok {
		return n, "", ""
	}
	if s, ok := value.(string); ok {
		if n, err := strconv.Atoi(s); err == nil {
			return n, "", ""
		}
	}
	return 0, fmt.Sprintf("%v is not a whole number", value), "write digits only"
}

func parseDuration(value any) (time.Duration, string, string) {
	if s, ok := value.(string); ok {
		if d, err := time.ParseDuration(s); err == nil {
			return d, "", ""
		}
	}
	return 0, fmt.Sprintf("%v is not a duration", value), "write a number and its unit, as in 15s or 2m"
}

func parseLevel(value any) (slog.Level, string, string) {
	switch value {
	case "debug":
		return slog.LevelDebug, "", ""
	case "info":
		return slog.LevelInfo, "", ""
	case "warn":
		return slog.LevelWarn, "", ""
	case "error":
		return slog.LevelError, "", ""
	}
	return 0, fmt.Sprintf("%v is not a level", value), "write debug, info, warn or error"
}

// parsePrefixes reads a list, or text with commas, of addresses and networks.
func parsePrefixes(value any) ([]netip.Prefix, string, string) {
	const fix = "write addresses or networks, as in 10.0.0.7 or 10.0.0.0/24, separated by commas"
	var items []string
	switch v := value.(type) {
	case string:
		items = strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })
	case []any:
		for _, item := range v {
			s, ok := item.(string)
			if !ok {
				return nil, fmt.Sprintf("%v is not an address", item), fix
			}
			items = append(items, s)
		}
	default:
		return nil, fmt.Sprintf("%v is not a list of addresses", value), fix
	}
	var prefixes []netip.Prefix
	for _, item := range items {
		p, err := parsePrefix(item)
		if err != nil {
			return nil, fmt.Sprintf("%q is not an address or network", item), fix
		}
		prefixes = append(prefixes, p)
	}
	return prefixes, "", ""
}

func parsePrefix(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), nil
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	addr = addr.Unmap().WithZone("")
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}
