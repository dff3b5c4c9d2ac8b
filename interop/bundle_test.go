package interop_test

import (
	"errors"
	"sync"

	"github.com/evanw/esbuild/pkg/api"
)

// file is one that the app's origin serves.
type file struct {
	mediaType string
	body      []byte
}

// apps are the pages, one for each library that runs in a browser: its script is pages/NAME.ts. Each is at several
// addresses, as apps are that do not want to be found loaded twice.
var apps = map[string][]string{}

// bundle makes the pages, once for all tests.
var bundle = sync.OnceValues(func() (map[string]file, error) {
	files := map[string]file{}
	for name, paths := range apps {
		built := api.Build(api.BuildOptions{
			EntryPoints: []string{"pages/" + name + ".ts"}, Bundle: true, Format: api.FormatESModule, Target: api.ES2024,
			TsconfigRaw: `{"compilerOptions": {"experimentalDecorators": true}}`,
		})
		if len(built.Errors) > 0 {
			return nil, errors.New(api.FormatMessages(built.Errors, api.FormatMessagesOptions{})[0])
		}
		files["/"+name+".js"] = file{"text/javascript; charset=utf-8", built.OutputFiles[0].Contents}
		page := `<!doctype html><html lang="en"><meta charset="utf-8"><title>` + name + `</title><link rel="icon" href="data:,">` +
			`<script type="module" src="/` + name + `.js"></script></html>`
		for _, path := range paths {
			files[path] = file{"text/html; charset=utf-8", []byte(page)}
		}
	}
	return files, nil
})
