package main

import (
	"fmt"
	"io"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

// readClient reads a client from a file, in the form in which 'usher client show --json' prints it.
func readClient(stdin io.Reader, path string) (oauth.Client, error) {
	var text []byte
	var err error
	if path == "-" {
		text, err = io.ReadAll(io.LimitReader(stdin, maxJSONFile))
	} else {
		text, err = readJSONFile(path)
	}
	if err != nil {
		return oauth.Client{}, fmt.Errorf("--from: %w", err)
	}
	c, err := manage.ReadClient(text)
	if err != nil {
		return c, fmt.Errorf("--from: %s is not a client as 'usher client show --json' prints it: %w", path, err)
	}
	return c, nil
}
