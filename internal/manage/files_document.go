package manage

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

// What a file never holds: what the server keeps by itself, and what secrets are checked by. Fields that are times or bytes are
// never in it either.
var (
	notInClientFile  = []string{"trial_origin", "managed_by", "version", "verified"}
	notInProfileFile = []string{"managed_by", "version"}
)

// fileKeys finds a setting of a struct by its JSON name.
type fileKeys map[string]reflect.StructField

var (
	clientKeys  = keysInFile(reflect.TypeFor[oauth.Client](), notInClientFile)
	profileKeys = keysInFile(reflect.TypeFor[oauth.Profile](), notInProfileFile)
	scopeKeys   = keysInFile(reflect.TypeFor[oauth.Scope](), nil)
)

func keysInFile(t reflect.Type, not []string) fileKeys {
	keys := fileKeys{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || slices.Contains(not, name) || f.Type == reflect.TypeFor[time.Time]() || f.Type == reflect.TypeFor[[]byte]() {
			continue
		}
		keys[name] = f
	}
	return keys
}

func (k fileKeys) names() []string {
	names := make([]string, 0, len(k))
	for name := range k {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// members is a JSON object that keeps its order.
type members []member

type member struct {
	key   string
	value json.RawMessage
}

// MarshalJSON writes the object.
func (m members) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, one := range m {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(one.key)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(one.value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func (m members) has(key string) bool {
	return slices.ContainsFunc(m, func(one member) bool { return one.key == key })
}

// membersOf is what a file has of a client or profile, in the order of its JSON form. A list without entries is [],
// whether or not it is nil.
func membersOf(v any, keys fileKeys) members {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // these types marshal
	}
	d := json.NewDecoder(bytes.NewReader(text))
	_, _ = d.Token()
	var list members
	for d.More() {
		token, err := d.Token()
		key, isKey := token.(string)
		var value json.RawMessage
		if err != nil || !isKey || d.Decode(&value) != nil {
			break
		}
		if _, known := keys[key]; !known {
			continue
		}
		if string(value) == "null" {
			value = json.RawMessage("[]")
		}
		list = append(list, member{key, value})
	}
	return list
}

// nearest suggests the known name that was probably meant; empty where none is near.
func nearest(name string, known []string) string {
	if len(name) > 100 {
		return ""
	}
	best, least := "", len(name)/3+2
	for _, k := range known {
		if d := editDistance(strings.ToLower(strings.ReplaceAll(name, "-", "_")), k); d < least {
			best, least = k, d
		}
	}
	return best
}

// editDistance counts the letters to insert, remove or replace.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
