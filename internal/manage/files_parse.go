package manage

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

const (
	// maxFileDepth is deeper than anything in a file is.
	maxFileDepth = 20
	// maxFileParts bounds the entries before anything is read, since each takes far more memory than its text does.
	maxFileParts = 500_000
)

// parse finds the one document of the text; nil where there is none that could be read.
func (r *fileReader) parse(text []byte) *yaml.Node {
	if len(text) > MaxFile {
		r.faults.add(1, "", "the file has more than %d MiB", MaxFile>>20)
		return nil
	}
	if at := firstUnreadable(text); at >= 0 {
		r.faults.add(lineAt(text, at), "", "the file holds a byte that is no text in UTF-8")
		return nil
	}
	if parts(text) > maxFileParts {
		r.faults.add(1, "", "the file has too many entries")
		return nil
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	var root, second yaml.Node
	switch err := d.Decode(&root); {
	case errors.Is(err, io.EOF):
		r.faults.add(1, "", "the file is empty: begin it with 'usher: %d'", fileVersion)
		return nil
	case err != nil:
		r.syntax(text, err)
		return nil
	}
	switch err := d.Decode(&second); {
	case err == nil:
		r.faults.add(second.Line, "", "a second document begins here: a file holds one")
	case !errors.Is(err, io.EOF):
		r.syntax(text, err)
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) != 1 {
		return nil
	}
	return root.Content[0]
}

func firstUnreadable(text []byte) int {
	for i := 0; i < len(text); {
		c, n := utf8.DecodeRune(text[i:])
		if c == utf8.RuneError && n == 1 || c < 0x20 && c != '\n' && c != '\r' && c != '\t' || c == 0x7f {
			return i
		}
		i += n
	}
	return -1
}

func lineAt(text []byte, at int) int { return 1 + bytes.Count(text[:at], []byte("\n")) }

// parts counts what begins an entry: a text makes at most a few nodes for each.
func parts(text []byte) int {
	n := 0
	for _, mark := range []string{"\n", "\r", ",", "[", "{", "- ", "-\t", "? ", "?\t"} {
		n += bytes.Count(text, []byte(mark))
	}
	return n
}

var (
	yamlLine   = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)
	yamlAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
)

// syntax reports what the YAML parser says.
func (r *fileReader) syntax(text []byte, err error) {
	problem, line := err.Error(), 1
	if m := yamlLine.FindStringSubmatch(problem); m != nil {
		problem = problem[len(m[0]):]
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
			if strings.HasPrefix(problem, "did not find expected") {
				line++ // of these the parser counts lines from 0
			}
		}
	}
	if m := yamlAnchor.FindStringSubmatch(problem); m != nil {
		line = lineAt(text, max(bytes.Index(text, []byte("*"+m[1])), 0))
	}
	if strings.HasSuffix(problem, "expected key") || strings.HasSuffix(problem, "'-' indicator") {
		problem += " (look at the indentation of what begins here)"
	}
	r.faults.add(line, "", "this is no YAML: %s", problem)
}

// plain refuses what makes a file more than it looks like: aliases, and nesting without end.
func (r *fileReader) plain(n *yaml.Node, depth int) bool {
	if depth > maxFileDepth {
		r.faults.add(n.Line, "", "this is nested deeper than anything that a file can say")
		return false
	}
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		r.faults.add(n.Line, "", "anchors and aliases (& and *) are not read: write the value out in each place")
	}
	for _, child := range n.Content {
		if !r.plain(child, depth+1) {
			return false
		}
	}
	return true
}

// at is the line of a setting; that of the whole where it is not there.
func (p *part) at(key string) int {
	if n := p.nodes[key]; n != nil {
		return n.Line
	}
	return p.line
}

// place finds the line of what a rule complains about: that of the entry of a list that the problem names, if it names one.
func (p *part) place(f Fault) int {
	n := p.nodes[f.Field]
	if n == nil || n.Kind != yaml.SequenceNode {
		return p.at(f.Field)
	}
	line, longest := n.Line, 0
	for _, entry := range n.Content {
		text := entry.Value
		if entry.Kind == yaml.MappingNode {
			text = valueOf(entry, "name")
		}
		if len(text) >= max(longest, 1) && strings.Contains(f.Problem, text) {
			line, longest = entry.Line, len(text)
		}
	}
	return line
}
