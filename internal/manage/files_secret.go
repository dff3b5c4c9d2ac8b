package manage

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/usher-id/usher/internal/oauth"
	"github.com/usher-id/usher/internal/token"
)

// minGivenSecret is the least length of a secret that was made elsewhere: like our own it is kept as a plain hash, which only
// a secret that nobody can guess bears.
const minGivenSecret, maxGivenSecret = 32, 500

// settleSecret gives the client the secret that the file names. Where that is a fault it gets one that is nobody's, so that
// the rules do not complain of the same thing again.
func (f *filePlanner) settleSecret(part *clientPart, before, after *oauth.Client) {
	uses := usesSecret(after.AuthMethod)
	field, line := part.path+".secret", part.at("secret")
	_, given := part.nodes["secret"]
	switch {
	case part.bad["secret"] || part.bad["token_endpoint_auth_method"] || after.AuthMethod != "" && !slices.Contains(oauth.AuthMethods, after.AuthMethod):
		pretendSecret(after)
	case !given && after.AuthMethod != "" && uses:
		f.faults.add(part.at("token_endpoint_auth_method"), field, "%s needs a secret: write secret: keep, {env: NAME} or {file: PATH}", after.AuthMethod)
		pretendSecret(after)
	case !given:
		after.SecretHash, after.WrappedSecret = nil, nil
	case !uses:
		f.faults.add(line, field, "%s goes without a secret: remove it here", after.AuthMethod)
	case part.secret.keep:
		if before == nil || len(before.SecretHash) == 0 {
			f.faults.add(line, field, "the server has no secret of this client to keep: give one by {env: NAME} or {file: PATH}, or create the client with a generated one first")
			pretendSecret(after)
		} else if after.AuthMethod == oauth.AuthSecretJWT && len(before.WrappedSecret) == 0 {
			f.faults.add(line, field, "client_secret_jwt keeps the secret under the master key, and of this client there is only a hash: give a secret by {env: NAME} or {file: PATH}")
			pretendSecret(after)
		}
	default:
		if err := f.giveSecret(part.secret.reference, before, after); err != nil {
			f.faults.add(line, field, "%v", err)
			pretendSecret(after)
		}
	}
}

// pretendSecret is for a client that is never stored.
func pretendSecret(c *oauth.Client) {
	c.SecretHash, c.WrappedSecret = make([]byte, sha256.Size), []byte{0}
}

// giveSecret reads the secret and keeps of it what the client's method needs, as Manager.giveSecret does with a generated one.
func (f *filePlanner) giveSecret(reference SecretReference, before, after *oauth.Client) error {
	if f.options.Secret == nil {
		return errors.New("references to secrets are read by the command line alone: use 'usher apply', or write secret: keep")
	}
	secret, err := f.options.Secret(reference)
	if err != nil {
		return err
	}
	if n := len(secret); n < minGivenSecret || n > maxGivenSecret {
		return fmt.Errorf("the secret (%s) has %d characters: it needs %d to %d", reference, n, minGivenSecret, maxGivenSecret)
	}
	for i := range len(secret) {
		if secret[i] < 0x20 || secret[i] > 0x7e { // RFC 6749 Appendix A.2
			return fmt.Errorf("the secret (%s) holds a character that is not printable ASCII", reference)
		}
	}
	hash := HashSecret(secret)
	same := before != nil && bytes.Equal(before.SecretHash, hash)
	after.SecretHash = hash
	if after.AuthMethod != oauth.AuthSecretJWT || same && len(before.WrappedSecret) > 0 {
		return nil
	}
	if err := noMaster(f.m.Master); err != nil {
		return errors.New(err.(Invalid)[0].Problem)
	}
	if _, err := token.NewRing(f.snap.Keys, f.m.Master, ""); err != nil {
		return err // a secret under another master key than the keys' could never be opened again
	}
	after.WrappedSecret, err = f.m.Master.WrapSecret(f.m.Rand, after.ID, secret)
	return err
}
