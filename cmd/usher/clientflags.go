package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/oauth"
)

// clientFlags are the settings of a client as flags, the same for add and change, in groups that --help shows.
type clientFlags struct {
	groups []flagGroup
	set    map[string]func(*oauth.Client) error // by flag
	from   string
}

type flagGroup struct {
	title string
	flags *pflag.FlagSet
}

func (f *clientFlags) add(cmd *cobra.Command) {
	f.set = map[string]func(*oauth.Client) error{}
	f.basics()
	f.authentication()
	f.tokens()
	f.requests()
	f.logout()
	for _, g := range f.groups {
		cmd.Flags().AddFlagSet(g.flags)
	}
	complete(cmd, "capability", words(oauth.Capabilities))
	complete(cmd, "access-token-format", "handle jwt")
	complete(cmd, "id-token-alg", words(oauth.SigningAlgs))
	complete(cmd, "userinfo-alg", words(oauth.SigningAlgs))
	complete(cmd, "auth-method", words(oauth.AuthMethods))
	complete(cmd, "subject-type", "public pairwise")
	_ = cmd.MarkFlagFilename("jwks-file", "json")
	_ = cmd.MarkFlagFilename("from", "json")
	groupedHelp(cmd, f.groups)
}

func (f *clientFlags) basics() {
	f.group("Client")
	f.current().StringVar(&f.from, "from", "", "read the client from a JSON `file`, as 'usher client show --json' prints it (- for standard input); other flags are stronger")
	textFlag(f, "name", "name that users see (the id where none is given)", func(c *oauth.Client) *string { return &c.Name })
	listFlag(f, "capability", "`flow` that the client may use: "+words(oauth.Capabilities)+" (repeatable; assisted_token where none is given)", func(c *oauth.Client) *[]oauth.Capability { return &c.Capabilities })
	listFlag(f, "origin", "web `origin` that may frame this server and receive tokens, as in https://app.example.com or https://*.example.com (repeatable)", func(c *oauth.Client) *[]oauth.OriginPattern { return &c.AllowedOrigins })
	listFlag(f, "redirect-uri", "redirect `URI`, compared exactly (repeatable)", func(c *oauth.Client) *[]string { return &c.RedirectURIs })
	listFlag(f, "post-logout-redirect-uri", "`URI` that a sign-out may return to, compared exactly (repeatable)", func(c *oauth.Client) *[]string { return &c.PostLogoutRedirectURIs })
	flagOf(f, "scope", func(fs *pflag.FlagSet, name string) *string {
		return fs.String(name, "", "all the scope that the client may ask for, separated by spaces")
	}, func(c *oauth.Client, v string) error { c.Scope = strings.Fields(v); return nil })
	boolFlag(f, "consent", "ask users to agree: for clients of somebody else", func(c *oauth.Client) *bool { return &c.ConsentRequired })
	boolFlag(f, "verified",
		"you know whose client it is: the consent page does not mark it, though it registered by itself",
		func(c *oauth.Client) *bool { return &c.Verified })
	boolFlag(f, "framed-interaction", "UNSAFE: let the consent pages of this client be framed", func(c *oauth.Client) *bool { return &c.FramedInteraction })
	listFlag(f, "response-type",
		"the only response `type` that it may use (repeatable; where none is given: all of its flows)",
		func(c *oauth.Client) *[]string { return &c.ResponseTypes })
	textFlag(f, "initiate-login-uri", "`URI` where a sign-in that somebody else begins is sent to", func(c *oauth.Client) *string { return &c.InitiateLoginURI })
}

func (f *clientFlags) authentication() {
	f.group("How the client authenticates")
	textFlag(f, "auth-method", "the one `method`: "+words(oauth.AuthMethods)+" (where none is given: the secret by header or form; without a secret the client is public)", func(c *oauth.Client) *oauth.AuthMethod { return &c.AuthMethod })
	flagOf(f, "jwks-file", func(fs *pflag.FlagSet, name string) *string {
		return fs.String(name, "", "`file` with the client's public keys, a JWK set")
	}, func(c *oauth.Client, file string) (err error) {
		c.JWKS = nil
		if file != "" {
			c.JWKS, err = readJSONFile(file)
		}
		return err
	})
	textFlag(f, "jwks-uri", "https `address` where the client's public keys are fetched instead", func(c *oauth.Client) *string { return &c.JWKSURI })
	textFlag(f, "tls-subject-dn", "subject `name` of the certificate, for tls_client_auth", func(c *oauth.Client) *string { return &c.TLSSubjectDN })
	textFlag(f, "tls-san-dns", "`host` name in the certificate instead of the subject", func(c *oauth.Client) *string { return &c.TLSSANDNS })
}

func (f *clientFlags) tokens() {
	f.group("What its tokens are like")
	textFlag(f, "access-token-format", "handle (opaque, the default) or jwt", func(c *oauth.Client) *oauth.TokenFormat { return &c.AccessTokenFormat })
	intFlag(f, "lifetime", "lifetime of access tokens in `seconds`; 0 for the profile's", func(c *oauth.Client) *int { return &c.AccessTokenSeconds })
	textFlag(f, "id-token-alg", "ES256 (the default) or RS256, for clients that know no other", func(c *oauth.Client) *oauth.Alg { return &c.IDTokenAlg })
	textFlag(f, "userinfo-alg", "sign userinfo answers: ES256 or RS256; plain JSON where none is given", func(c *oauth.Client) *oauth.Alg { return &c.UserInfoAlg })
	listFlag(f, "audience", "audience of JWT access tokens (repeatable; the issuer where none is given)", func(c *oauth.Client) *[]string { return &c.Audience })
	listFlag(f, "resource", "`URI` of an API that a request may name as resource (repeatable)", func(c *oauth.Client) *[]string { return &c.Resources })
	boolFlag(f, "dpop-bound", "bind every token to a key of the client by DPoP", func(c *oauth.Client) *bool { return &c.DPoPBound })
	textFlag(f, "subject-type", "public (the default), or pairwise: another subject for each sector", func(c *oauth.Client) *oauth.SubjectType { return &c.SubjectType })
	textFlag(f, "sector-identifier", "`host` that pairwise clients share subjects by (the redirect URIs' where none is given)", func(c *oauth.Client) *string { return &c.SectorIdentifier })
}

func (f *clientFlags) requests() {
	f.group("What its requests are like")
	boolFlag(f, "require-pushed", "take pushed authorization requests only", func(c *oauth.Client) *bool { return &c.RequirePushed })
	boolFlag(f, "require-signed", "take signed request objects only", func(c *oauth.Client) *bool { return &c.RequireSigned })
	listFlag(f, "request-uri", "https `address` of a request object (repeatable)", func(c *oauth.Client) *[]string { return &c.RequestURIs })
	flagOf(f, "default-max-age", func(fs *pflag.FlagSet, name string) *int {
		return fs.Int(name, -1, "age in `seconds` of the sign-in where a request names none; -1 for no limit")
	}, func(c *oauth.Client, seconds int) error {
		c.DefaultMaxAge = &seconds
		if seconds == -1 {
			c.DefaultMaxAge = nil
		}
		return nil
	})
}

func (f *clientFlags) logout() {
	f.group("How it hears of sign-outs")
	textFlag(f, "frontchannel-logout-uri", "`URI` that the sign-out page loads in a frame", func(c *oauth.Client) *string { return &c.FrontChannelLogoutURI })
	textFlag(f, "backchannel-logout-uri", "`URI` that this server posts a logout token to", func(c *oauth.Client) *string { return &c.BackChannelLogoutURI })
}

func (f *clientFlags) group(title string) {
	f.groups = append(f.groups, flagGroup{title, pflag.NewFlagSet(title, pflag.ContinueOnError)})
}

func (f *clientFlags) current() *pflag.FlagSet { return f.groups[len(f.groups)-1].flags }

// flagOf adds a flag and how it changes a client.
func flagOf[T any](f *clientFlags, name string, define func(*pflag.FlagSet, string) *T, set func(*oauth.Client, T) error) {
	value := define(f.current(), name)
	f.set[name] = func(c *oauth.Client) error { return set(c, *value) }
}

func textFlag[S ~string](f *clientFlags, name, usage string, field func(*oauth.Client) *S) {
	flagOf(f, name, func(fs *pflag.FlagSet, name string) *string { return fs.String(name, "", usage) },
		func(c *oauth.Client, v string) error { *field(c) = S(v); return nil })
}

func listFlag[S ~string](f *clientFlags, name, usage string, field func(*oauth.Client) *[]S) {
	flagOf(f, name, func(fs *pflag.FlagSet, name string) *[]string { return fs.StringArray(name, nil, usage) },
		func(c *oauth.Client, v []string) error { *field(c) = list[S](v); return nil })
}

func boolFlag(f *clientFlags, name, usage string, field func(*oauth.Client) *bool) {
	flagOf(f, name, func(fs *pflag.FlagSet, name string) *bool { return fs.Bool(name, false, usage) },
		func(c *oauth.Client, v bool) error { *field(c) = v; return nil })
}

func intFlag(f *clientFlags, name, usage string, field func(*oauth.Client) *int) {
	flagOf(f, name, func(fs *pflag.FlagSet, name string) *int { return fs.Int(name, 0, usage) },
		func(c *oauth.Client, v int) error { *field(c) = v; return nil })
}

func complete(cmd *cobra.Command, flag, values string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(strings.Fields(values), cobra.ShellCompDirectiveNoFileComp))
}

// change reads what was given, and returns what sets it and leaves the rest. Files are read here, once, since a change
// may be made more than once.
func (f *clientFlags) change(cmd *cobra.Command) (func(*oauth.Client), error) {
	var given oauth.Client
	var from *oauth.Client
	if f.from != "" {
		read, err := readClient(cmd.InOrStdin(), f.from)
		if err != nil {
			return nil, err
		}
		from = &read
	}
	var sets []func(*oauth.Client) error
	for flag, set := range f.set {
		if !cmd.Flags().Changed(flag) {
			continue
		}
		if err := set(&given); err != nil {
			return nil, fmt.Errorf("--%s: %w", flag, err)
		}
		if flag == "jwks-file" {
			set = func(c *oauth.Client) error { c.JWKS = given.JWKS; return nil }
		}
		sets = append(sets, set)
	}
	return func(c *oauth.Client) {
		if from != nil {
			manage.ReplaceSettings(c, from)
		}
		for _, set := range sets {
			_ = set(c) // succeeded above
		}
	}, nil
}

const maxJSONFile = 1 << 20

func readJSONFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxJSONFile {
		return nil, fmt.Errorf("%s is larger than 1 MiB", path)
	}
	return os.ReadFile(path)
}

// list converts a repeated flag; one empty value means an empty list.
func list[S ~string](values []string) []S {
	var l []S
	for _, v := range slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" }) {
		l = append(l, S(v))
	}
	return l
}
