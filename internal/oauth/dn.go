package oauth

import (
	"encoding/hex"
	"slices"
	"strings"
)

// SameDN compares two distinguished names in their text form (RFC 4514), as people and tools write them: without regard
// to case, to white space around and repeated within values, and to the order within a multi-valued part. What is no
// such text equals nothing.
func SameDN(a, b string) bool {
	parsedA, okA := parseDN(a)
	parsedB, okB := parseDN(b)
	return okA && okB && slices.Equal(parsedA, parsedB)
}

// dnTypes gives the short names (RFC 4514 §3) of attribute types that some write as numbers or otherwise.
var dnTypes = map[string]string{
	"2.5.4.3": "cn", "2.5.4.5": "serialnumber", "2.5.4.6": "c", "2.5.4.7": "l", "2.5.4.8": "st", "2.5.4.9": "street",
	"2.5.4.10": "o", "2.5.4.11": "ou", "2.5.4.17": "postalcode", "0.9.2342.19200300.100.1.1": "uid",
	"0.9.2342.19200300.100.1.25": "dc", "1.2.840.113549.1.9.1": "emailaddress", "e": "emailaddress", "s": "st",
}

// parseDN gives the parts of a name, each in one form; the attributes of a multi-valued one are sorted.
func parseDN(s string) ([]string, bool) {
	var parts, attributes []string
	for {
		attribute, separator, rest, ok := nextAttribute(s)
		if !ok {
			return nil, false
		}
		attributes = append(attributes, attribute)
		if separator != '+' {
			slices.Sort(attributes)
			parts, attributes = append(parts, strings.Join(attributes, "+")), nil
		}
		if separator == 0 {
			return parts, true
		}
		s = rest
	}
}

// nextAttribute reads one type and value up to the separator that ends it (0 at the end of the text).
func nextAttribute(s string) (attribute string, separator byte, rest string, ok bool) {
	typ, s, found := strings.Cut(s, "=")
	typ = strings.ToLower(strings.TrimSpace(typ))
	if known := dnTypes[typ]; known != "" {
		typ = known
	}
	if !found || typ == "" || strings.ContainsAny(typ, ",;+\\\"<># ") {
		return "", 0, "", false
	}
	var value strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ',', ';', '+':
			return typ + "=" + foldValue(value.String()), c, s[i+1:], true
		case '\\':
			b, length, ok := unescapeDN(s[i+1:])
			if !ok {
				return "", 0, "", false
			}
			value.WriteByte(b)
			i += length
		case '"', '<', '>', 0: // to be escaped (RFC 4514 §2.4)
			return "", 0, "", false
		default:
			value.WriteByte(c)
		}
	}
	return typ + "=" + foldValue(value.String()), 0, "", true
}

// unescapeDN reads what follows a backslash: one special character, or a byte as two hexadecimal digits.
func unescapeDN(s string) (b byte, length int, ok bool) {
	if s == "" {
		return 0, 0, false
	}
	if strings.IndexByte(" \"#+,;<=>\\", s[0]) >= 0 {
		return s[0], 1, true
	}
	if len(s) < 2 {
		return 0, 0, false
	}
	pair, err := hex.DecodeString(s[:2])
	if err != nil {
		return 0, 0, false
	}
	return pair[0], 2, true
}

// foldValue prepares a value for comparison (RFC 4518 §2.2, §2.6), and quotes what would look like another separator.
func foldValue(s string) string {
	s = strings.ToLower(strings.Join(strings.Fields(s), " "))
	return strings.NewReplacer("\\", "\\\\", "+", "\\+").Replace(s)
}
