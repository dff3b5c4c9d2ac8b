package interop_test

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"

	"github.com/evanw/esbuild/pkg/api"
)

// file is one that the app's origin serves.
type file struct {
	mediaType string
	body      []byte
}

// apps are the libraries that run in a browser: the script of their page is pages/NAME.ts.
var apps = []string{"oidc-client-ts", "angular-oauth2-oidc"}

// bundle makes the pages, once for all tests.
var bundle = sync.OnceValues(func() (map[string]file, error) {
	files := map[string]file{}
	for _, name := range apps {
		scripts, err := build("pages/"+name+".ts", api.BuildOptions{Format: api.FormatESModule, Splitting: true})
		if err != nil {
			return nil, err
		}
		for _, script := range scripts {
			files["/"+filepath.Base(script.Path)] = file{"text/javascript; charset=utf-8", script.Contents}
		}
		page := `<!doctype html><html lang="en"><meta charset="utf-8"><title>` + name + `</title><link rel="icon" href="data:,">` +
			`<script type="module" src="/` + name + `.js"></script></html>`
		files["/"+name+"/"] = file{"text/html; charset=utf-8", []byte(page)} // and whatever is below
	}
	return files, nil
})

// build makes one script of another and all that it imports; several where parts are loaded later.
func build(entry string, options api.BuildOptions) ([]api.OutputFile, error) {
	options.EntryPoints, options.Bundle, options.Target, options.Outdir = []string{entry}, true, api.ES2024, "out"
	options.Alias = map[string]string{"opener": "./harness/opener.ts"}
	built := api.Build(options)
	if len(built.Errors) > 0 {
		return nil, errors.New(strings.Join(api.FormatMessages(built.Errors, api.FormatMessagesOptions{}), ""))
	}
	return built.OutputFiles, nil
}
