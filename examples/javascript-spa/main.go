// Command javascript-spa serves the JavaScript example by itself, beside a server that runs elsewhere,
// for instance `usher demo --no-app`.
//
// Everything that is worth reading is in the folder app: the page and its JavaScript in app/static,
// the API that checks the token in app/api.go.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	javascriptspa "github.com/usher-id/usher/examples/javascript-spa/app"
)

func main() {
	server := flag.String("server", "https://localhost:8443", "address of the identity server")
	addr := flag.String("addr", "localhost:8080", "address to listen on")
	client := flag.String("client", "client-assisted-example", "client id of the app")
	data := flag.String("data", defaultData(), "data folder of the demo: example-api.secret and ca.crt are read from it")
	flag.Parse()
	if err := run(*server, *addr, *client, *data); err != nil {
		fmt.Fprintln(os.Stderr, "javascript-spa:", err)
		os.Exit(1)
	}
}

func run(server, addr, client, data string) error {
	secret, err := os.ReadFile(filepath.Join(data, "example-api.secret"))
	if err != nil {
		return fmt.Errorf("the secret of the API is missing; run `usher demo` once, or name its folder with -data: %w", err)
	}
	ca := filepath.Join(data, "ca.crt")
	if _, err := os.Stat(ca); errors.Is(err, fs.ErrNotExist) {
		ca = "" // the system's authorities have to do
	}
	app, err := javascriptspa.New(javascriptspa.Options{
		Server:              server,
		ClientID:            client,
		IntrospectionClient: "example-api",
		IntrospectionSecret: strings.TrimSpace(string(secret)),
		CAFile:              ca,
	})
	if err != nil {
		return err
	}
	srv := &http.Server{
		Addr:              addr,
		Handler:           app,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      20 * time.Second,
		IdleTimeout:       time.Minute,
	}
	fmt.Printf("The example is at http://%s and signs in at %s\n", addr, server)
	return srv.ListenAndServe()
}

// defaultData is where `usher demo` keeps its data.
func defaultData() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "."
	}
	return filepath.Join(dir, "usher-demo")
}
