package config

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	yamlparser "github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/v2"
	"go.yaml.in/yaml/v3"
)

const (
	envPrefix = "USHER_"
	// EnvConfig names the configuration file where --config does not.
	EnvConfig = envPrefix + "CONFIG"
	// EnvMasterKey holds the master key itself.
	EnvMasterKey = envPrefix + "MASTER_KEY"

	maxFileSize = 1 << 20
)

// Sources says where values may come from, the weakest first.
type Sources struct {
	File    string            // path of a YAML file; empty for none
	Environ []string          // as os.Environ
	Flags   map[string]string // by key; only those that were given
}

// Load reads the sources into a Config. The error is a Faults with everything that is wrong; the
// Config is then what could be read.
func Load(s Sources) (Config, error) {
	return load(s, (*validator).all)
}

// LoadStorage is Load for the commands that open the database and serve nothing: it does not ask for
// listeners, certificates or a master key.
func LoadStorage(s Sources) (Config, error) {
	return load(s, (*validator).storage)
}

func load(s Sources, check func(*validator)) (Config, error) {
	l := newLoader()
	if s.File != "" {
		l.readFile(s.File)
	}
	c := Config{masterKey: l.readEnviron(s.Environ), origin: l.origin}
	l.readFlags(s.Flags)
	l.decode(&c)
	c.adminNeedsCertificate()
	v := validator{Config: &c, origin: l.origin}
	check(&v)
	if faults := append(l.faults, v.faults...); len(faults) > 0 {
		return c, faults
	}
	return c, nil
}

// loader gathers the layers; origin remembers for each key who spoke last.
type loader struct {
	layers *koanf.Koanf
	origin map[string]string
	faults Faults
}

func newLoader() *loader {
	return &loader{layers: koanf.New("."), origin: map[string]string{}}
}

// add puts a layer over those before it.
func (l *loader) add(values map[string]any, origin func(key string) string) {
	if err := l.layers.Load(confmap.Provider(values, ""), nil); err != nil {
		l.fault(Fault{Key: "configuration", Problem: err.Error()})
		return
	}
	for key := range values {
		l.origin[key] = origin(key)
	}
}

func (l *loader) fault(f Fault) { l.faults = append(l.faults, f) }

func (l *loader) readFile(path string) {
	text, err := readLimited(path)
	if err != nil {
		l.fault(Fault{Key: "configuration file", Problem: err.Error(), Fix: "give the path of a readable YAML file with --config or " + EnvConfig})
		return
	}
	l.readText(path, text)
}

func (l *loader) readText(path string, text []byte) {
	values, lines, err := parseFile(text)
	if err != nil {
		l.fault(Fault{Key: path, Problem: err.Error(), Fix: "write one 'key: value' a line; 'usher check-config --example' prints a whole file"})
		return
	}
	l.add(values, func(key string) string { return fmt.Sprintf("%s line %d", path, lines[key]) })
}

func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFileSize {
		return nil, fmt.Errorf("%s is larger than 1 MiB", path)
	}
	return text, nil
}

// parseFile reads a YAML mapping into its values and the line of each key.
func parseFile(text []byte) (map[string]any, map[string]int, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if root.Kind == 0 { // nothing but comments
		return map[string]any{}, nil, nil
	}
	if len(root.Content) != 1 || root.Content[0].Kind != yaml.MappingNode {
		return nil, nil, errors.New("the file is not a list of 'key: value' lines")
	}
	lines := map[string]int{}
	pairs := root.Content[0].Content
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i].Tag != "!!str" {
			return nil, nil, fmt.Errorf("line %d: a key has to be a plain word", pairs[i].Line)
		}
		lines[pairs[i].Value] = pairs[i].Line
	}
	values, err := yamlparser.Parser().Unmarshal(text)
	if err != nil {
		return nil, nil, errors.New(strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "yaml: ")), " "))
	}
	return values, lines, nil
}

// readEnviron reads the USHER_ variables and returns the master key, which is none of the fields.
func (l *loader) readEnviron(environ []string) (masterKey string) {
	provider := env.Provider("", env.Opt{
		Prefix:      envPrefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			switch name {
			case EnvConfig:
				return "", nil
			case EnvMasterKey:
				masterKey = strings.TrimSpace(value)
				return "", nil
			}
			return strings.ToLower(strings.TrimPrefix(name, envPrefix)), value
		},
	})
	values, err := provider.Read()
	if err != nil {
		l.fault(Fault{Key: "environment", Problem: err.Error()})
	}
	l.add(values, func(key string) string { return envPrefix + strings.ToUpper(key) })
	return masterKey
}

func (l *loader) readFlags(flags map[string]string) {
	values := map[string]any{}
	for key, value := range flags {
		values[key] = value
	}
	l.add(values, func(key string) string { return "--" + strings.ReplaceAll(key, "_", "-") })
}

// decode sets every field from its default or the strongest layer, and reports unknown keys.
func (l *loader) decode(c *Config) {
	values := l.layers.Raw()
	var known []string
	for _, f := range Fields() {
		known = append(known, f.Key)
		value, given := values[f.Key]
		if !given {
			value, l.origin[f.Key] = f.Default, originDefault
		}
		if problem, fix := set(c, f, value); problem != "" {
			l.fault(Fault{Key: f.Key, Origin: l.origin[f.Key], Problem: problem, Fix: fix})
			set(c, f, f.Default)
			// The default stands in so that the other fields can still be judged.
			l.origin[f.Key] = ""
		}
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(known, key) {
			l.fault(Fault{Key: key, Origin: l.origin[key], Problem: "there is no such setting", Fix: unknownFix(key, known)})
		}
	}
}

func unknownFix(key string, known []string) string {
	if key == "master_key" {
		return "the master key itself is read from USHER_MASTER_KEY only; in the file name master_key_file"
	}
	if n := nearest(strings.ReplaceAll(strings.ToLower(key), "-", "_"), known); n != "" {
		return "did you mean " + n + "?"
	}
	return "remove it; 'usher check-config --example' prints every setting"
}
