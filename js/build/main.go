// Command build bundles the TypeScript of js/src into js/dist. It runs under "go generate ./js" and
// needs no Node: the bundler is a Go library. It fails where the browser library outgrows its budget.
package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

// budget is what assisted-token.min.js may weigh, gzipped: every app's users load it.
const budget = 14 * 1024

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "js/build:", err)
		os.Exit(1)
	}
}

// run bundles the sources below root, the folder js, and writes root/dist.
func run(root string) error {
	files, err := bundle(root)
	if err != nil {
		return err
	}
	size := gzipped(files["assisted-token.min.js"])
	fmt.Printf("assisted-token.min.js: %d of %d bytes gzipped\n", size, budget)
	if size > budget {
		return fmt.Errorf("assisted-token.min.js is %d bytes over its budget", size-budget)
	}
	dist := filepath.Join(root, "dist")
	if err := os.MkdirAll(dist, 0o755); err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dist, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// bundle makes every file of dist in memory.
func bundle(root string) (map[string][]byte, error) {
	files := make(map[string][]byte)
	for name, entry := range map[string]string{"assisted-token": "main.ts", "preflight": "preflight.ts"} {
		for suffix, minify := range map[string]bool{".js": false, ".min.js": true} {
			content, err := script(filepath.Join(root, "src", entry), minify)
			if err != nil {
				return nil, err
			}
			files[name+suffix] = content
		}
	}
	return files, nil
}

// script bundles one entry file into one classic script that leaves nothing global but what it sets itself.
func script(entry string, minify bool) ([]byte, error) {
	entry, err := filepath.Abs(entry)
	if err != nil {
		return nil, err
	}
	result := api.Build(api.BuildOptions{
		EntryPoints:       []string{entry},
		AbsWorkingDir:     filepath.Dir(entry), // the paths in comments do not depend on the checkout
		Bundle:            true,
		Format:            api.FormatIIFE,
		Target:            api.ES2020,
		Charset:           api.CharsetASCII,
		LegalComments:     api.LegalCommentsNone,
		MinifyWhitespace:  minify,
		MinifyIdentifiers: minify,
		MinifySyntax:      minify,
		TsconfigRaw:       `{"compilerOptions":{"strict":true}}`,
		Write:             false,
	})
	if len(result.Errors) > 0 {
		return nil, fmt.Errorf("%s: %s", filepath.Base(entry), result.Errors[0].Text)
	}
	return result.OutputFiles[0].Contents, nil
}

func gzipped(content []byte) int {
	var out bytes.Buffer
	writer, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // the level is a valid one
	writer.Write(content)
	writer.Close()
	return out.Len()
}
