package resource_test

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/usher-id/usher/resource"
)

const issuer = "https://login.example.com/oauth/v2/oauth-anonymous"

func orders(w http.ResponseWriter, r *http.Request) {
	token, _ := resource.TokenFrom(r.Context())
	fmt.Fprintf(w, "The orders of %s\n", token.Subject)
}

// An API that a single page app on another origin calls with usher's tokens.
func Example() {
	v, err := resource.New(issuer, "https://api.example.com",
		resource.ByIntrospection("my-api", os.Getenv("MY_API_SECRET")))
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /orders", v.Require("orders").Wrap(http.HandlerFunc(orders)))
	server := &http.Server{
		Addr:              "localhost:8100",
		Handler:           resource.CORS("https://app.example.com")(mux),
		ReadHeaderTimeout: 5 * time.Second,
	}
	log.Fatal(server.ListenAndServe())
}

// Tokens that are JWTs are checked without asking the server, and may be bound to a key of the client.
func ExampleByJWT() {
	v, err := resource.New(issuer, "https://api.example.com",
		resource.ByJWT(), resource.AcceptDPoP("https://api.example.com"))
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("GET /orders", v.Require("orders").Wrap(http.HandlerFunc(orders)))
}

// A payment needs a sign-in of the last five minutes, with a second factor.
func ExampleRule_MaxAge() {
	v, err := resource.New(issuer, "https://api.example.com",
		resource.ByIntrospection("my-api", os.Getenv("MY_API_SECRET")), resource.MaxStaleness(0))
	if err != nil {
		log.Fatal(err)
	}
	rule := v.Require("payment").MaxAge(5 * time.Minute).ACR("urn:example:two-factors")
	http.Handle("POST /payments", rule.Wrap(http.HandlerFunc(orders)))
}
