// Command angular-spa serves the API of the Angular example; `npm start` runs it beside the app.
//
// What is worth reading is in the folder api.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	angularapi "github.com/usher-id/usher/examples/angular-spa/api"
)

func main() {
	var o angularapi.Options
	flag.StringVar(&o.Audience, "audience", "", "what tokens call this API (default: the server's issuer)")
	flag.StringVar(&o.ClientID, "client", "example-api", "client id of the API, for introspection")
	flag.StringVar(&o.CAFile, "ca", "", "PEM file with the authority of the server's certificate (default: ca.crt in the data folder)")
	flag.StringVar(&o.Origin, "origin", "http://localhost:4200", "origin of the app")
	server := flag.String("server", "https://localhost:8443", "address of the identity server")
	addr := flag.String("addr", "127.0.0.1:8100", "address to listen on")
	data := flag.String("data", defaultData(), "data folder of the demo: example-api.secret and ca.crt are read from it")
	flag.Usage = usage
	flag.Parse()
	o.Issuer = strings.TrimRight(*server, "/") + "/oauth/v2/oauth-anonymous"
	if err := run(o, *addr, *data); err != nil {
		fmt.Fprintln(os.Stderr, "angular-spa:", err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprint(flag.CommandLine.Output(), `The API of the Angular example. It checks tokens at the server that 'usher demo' starts.

The API's client secret is read from the environment variable USHER_API_SECRET, or else from the demo's data folder.

`)
	flag.PrintDefaults()
}

func run(o angularapi.Options, addr, data string) error {
	if err := fromDemo(&o, data); err != nil {
		return err
	}
	api, err := angularapi.New(o)
	if err != nil {
		return err
	}
	server := &http.Server{
		Addr:              addr,
		Handler:           api,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      20 * time.Second,
		IdleTimeout:       time.Minute,
	}
	fmt.Printf("The API is at http://%s/api, for pages of %s. It checks tokens of %s\n", addr, o.Origin, o.Issuer)
	return server.ListenAndServe()
}

// fromDemo fills in what was not given with what `usher demo` wrote into its folder.
func fromDemo(o *angularapi.Options, data string) error {
	o.ClientSecret = os.Getenv("USHER_API_SECRET")
	if o.ClientSecret == "" {
		secret, err := os.ReadFile(filepath.Join(data, "example-api.secret"))
		if err != nil {
			return fmt.Errorf("the API has no client secret: start `usher demo` first, or name its folder with -data, or set USHER_API_SECRET (%w)", err)
		}
		o.ClientSecret = strings.TrimSpace(string(secret))
	}
	if ca := filepath.Join(data, "ca.crt"); o.CAFile == "" {
		if _, err := os.Stat(ca); err == nil { // without it, the system's authorities have to do
			o.CAFile = ca
		}
	}
	return nil
}

// defaultData is where `usher demo` keeps its data.
func defaultData() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "."
	}
	return filepath.Join(dir, "usher-demo")
}
