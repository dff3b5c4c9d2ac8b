// Package js holds the two scripts that apps load from the server, ready to be served: the browser
// library and the preflight script, each as written and minified. Their sources are the TypeScript
// files in src; "go generate ./js" bundles them into dist, which is committed, so that the server is
// built with nothing but Go.
package js

import _ "embed" // for the scripts

//go:generate go run ./build

// The browser library (docs/library.md).
var (
	//go:embed dist/assisted-token.js
	AssistedToken []byte
	//go:embed dist/assisted-token.min.js
	AssistedTokenMin []byte
)

// The preflight script, which finds out whether the server's cookies survive in a frame.
var (
	//go:embed dist/preflight.js
	Preflight []byte
	//go:embed dist/preflight.min.js
	PreflightMin []byte
)
