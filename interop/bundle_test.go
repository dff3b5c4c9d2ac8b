package interop_test

import (
	"errors"
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
		script, err := build("pages/"+name+".ts", api.FormatESModule, api.PlatformBrowser)
		if err != nil {
			return nil, err
		}
		page := `<!doctype html><html lang="en"><meta charset="utf-8"><title>` + name + `</title><link rel="icon" href="data:,">` +
			`<script type="module" src="/` + name + `.js"></script></html>`
		files["/"+name+".js"] = file{"text/javascript; charset=utf-8", script}
		files["/"+name+"/"] = file{"text/html; charset=utf-8", []byte(page)} // and whatever is below
	}
	return files, nil
})

// build makes one script of another and all that it imports.
func build(entry string, format api.Format, platform api.Platform) ([]byte, error) {
	built := api.Build(api.BuildOptions{
		EntryPoints: []string{entry}, Bundle: true, Format: format, Target: api.ES2024, Platform: platform,
		Alias: map[string]string{"opener": "./harness/opener.ts"},
	})
	if len(built.Errors) > 0 {
		return nil, errors.New(strings.Join(api.FormatMessages(built.Errors, api.FormatMessagesOptions{}), ""))
	}
	return built.OutputFiles[0].Contents, nil
}
