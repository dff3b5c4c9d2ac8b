package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

// claimFlags are further claims about a user, as name=value.
type claimFlags struct{ given []string }

func (f *claimFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.given, "claim", nil, "claim about the user as `name=value`: a text, or JSON; an empty value removes it (repeatable)")
}

// apply sets what was given and leaves the rest. A standard claim that is a text is one whatever it looks like; any other
// value is taken as JSON where it is JSON.
func (f *claimFlags) apply(acc *oauth.Account) error {
	if len(f.given) == 0 {
		return nil
	}
	claims := map[string]json.RawMessage{}
	if len(acc.Attributes) > 0 {
		if err := json.Unmarshal(acc.Attributes, &claims); err != nil {
			return err
		}
	}
	for _, text := range f.given {
		name, value, found := strings.Cut(text, "=")
		if !found {
			return fmt.Errorf("--claim %q: write name=value", text)
		}
		switch {
		case value == "":
			delete(claims, name)
		case manage.TextClaim(name) || !json.Valid([]byte(value)):
			claims[name], _ = json.Marshal(value) // a string can always be marshalled
		default:
			claims[name] = json.RawMessage(value)
		}
	}
	var err error
	acc.Attributes, err = json.Marshal(claims)
	return err
}
