package manage

import (
	"slices"

	"github.com/usher-id/usher/internal/oauth"
)

func (c *curityClient) noAuthentication(e *element) {
	if e.isOn() && c.isNew {
		c.client.AuthMethod = oauth.AuthNone
	}
}

// authenticates keeps a note for a client that is new; one that is there may have got its proof since.
func (c *curityClient) authenticates(text string, args ...any) {
	if c.isNew {
		c.lacksProof = true
		c.note(text, args...)
	}
}

func (c *curityClient) secret(*element) {
	c.authenticates("secret: it cannot be taken over: give a new one with 'usher client reset-secret %s'", c.client.ID)
}

func (c *curityClient) symmetricKey(*element) {
	c.authenticates("symmetric-key: it cannot be taken over: give a new one with 'usher client change %s --auth-method client_secret_jwt --secret'", c.client.ID)
}

func (c *curityClient) asymmetricKey(*element) {
	c.authenticates("asymmetric-key: its key is kept elsewhere in that configuration: give it with 'usher client change %s --auth-method private_key_jwt --jwks-file FILE'", c.client.ID)
}

func (c *curityClient) jwksURI(e *element) {
	uri := e.text
	if child := e.child("uri"); child != nil {
		uri = child.text
	}
	var f faults
	if webAddress(&f, "jwks_uri", uri); uri == "" || len(f.list) > 0 {
		c.authenticates("jwks-uri: %.200q is not taken over: name an https address with 'usher client change %s --auth-method private_key_jwt --jwks-uri'", uri, c.client.ID)
		return
	}
	if c.isNew {
		c.client.AuthMethod, c.client.JWKSURI = oauth.AuthPrivateKeyJWT, uri
	}
}

func (c *curityClient) mutualTLS(e *element) {
	dn := e.textOf("client-dn")
	if dn == "" {
		c.authenticates("%s: the certificate is not named there: name it with 'usher client change %s --auth-method tls_client_auth --tls-subject-dn'", e.name, c.client.ID)
		return
	}
	if c.isNew {
		c.client.AuthMethod, c.client.TLSSubjectDN = oauth.AuthTLS, dn
		c.note("%s: clients with %s have to come with a certificate of mtls_ca_file", e.name, dn)
	}
}

// settleProof gives a client that has to prove who it is a secret that nobody knows: it is there with all its settings, and
// nobody can use it until it has one of its own.
func (c *curityClient) settleProof() {
	if !c.isNew || c.client.AuthMethod != "" && c.client.AuthMethod != oauth.AuthNone {
		return
	}
	needs := slices.ContainsFunc(c.client.Capabilities, func(k oauth.Capability) bool { return authenticated[k] != "" })
	if needs && !c.lacksProof {
		c.authenticates("the client has to authenticate: give it a secret with 'usher client reset-secret %s'", c.client.ID)
	}
	if c.lacksProof {
		c.client.AuthMethod = oauth.AuthSecretBasic
	}
}
