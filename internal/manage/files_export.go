package manage

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/usher-id/usher/internal/oauth"
)

// Export writes profile and clients as a file that Apply reads, without any secret: secrets are "keep". Clients of the server
// itself, and those that registered by themselves, are not in it.
func (m *Manager) Export(ctx context.Context) ([]byte, error) {
	snap, err := m.load(ctx)
	if err != nil {
		return nil, err
	}
	var clients []oauth.Client
	for _, c := range snap.Clients {
		if notForFiles(&c, c.ID) == "" {
			clients = append(clients, c)
		}
	}
	root := &yaml.Node{Kind: yaml.MappingNode}
	set := func(key string, value *yaml.Node) { root.Content = append(root.Content, textNode(key), value) }
	set("usher", &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(fileVersion)})
	if name := managerOfAll(&snap.Profile, clients); name != "" {
		set("name", textNode(name))
	}
	profile, err := yamlOf(documentOf(profileInFile(&snap.Profile)))
	if err != nil {
		return nil, err
	}
	set("profile", profile)
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for i := range clients {
		n, err := yamlOf(documentOf(clientInFile(&clients[i])))
		if err != nil {
			return nil, err
		}
		list.Content = append(list.Content, n)
	}
	if len(clients) == 0 {
		list.Style = yaml.FlowStyle
	}
	set("clients", list)
	return encodeFile(root)
}

func encodeFile(root *yaml.Node) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("# The settings of an usher server, for 'usher apply'; see docs/files.md. There is no secret in it.\n")
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(root); err != nil {
		return nil, err
	}
	return b.Bytes(), e.Close()
}

// notForFiles says why a client cannot come from a file; empty where it can. c is the one that is stored; nil where none is.
func notForFiles(c *oauth.Client, id string) string {
	switch {
	case strings.HasPrefix(id, reservedPrefix):
		return "ids that begin with " + reservedPrefix + " are the server's own"
	case c != nil && (len(c.RegistrationTokenHash) > 0 || !c.Registered.IsZero()):
		return "this client registered by itself, and changes itself (RFC 7592): it cannot come from a file"
	}
	return ""
}

// managerOfAll is the name of the file that manages all of this; empty where not one does.
func managerOfAll(p *oauth.Profile, clients []oauth.Client) string {
	for i := range clients {
		if clients[i].ManagedBy != p.ManagedBy {
			return ""
		}
	}
	return p.ManagedBy
}

// clientInFile is what a file says of a client; what has its default is left out.
func clientInFile(c *oauth.Client) members {
	list := membersOf(c, clientKeys)
	if len(c.SecretHash) > 0 {
		list = append(list, member{"secret", json.RawMessage(`"keep"`)})
	}
	return list
}

// profileInFile is what a file says of the profile. What is empty, but not by default, is there too.
func profileInFile(p *oauth.Profile) members {
	list := membersOf(p, profileKeys)
	for _, byDefault := range membersOf(oauth.DefaultProfile(), profileKeys) {
		if !list.has(byDefault.key) {
			list = append(list, member{byDefault.key, zeroLike(byDefault.value)})
		}
	}
	return list
}

// zeroLike is the empty value of the same JSON type.
func zeroLike(value json.RawMessage) json.RawMessage {
	switch value[0] {
	case '[':
		return json.RawMessage("[]")
	case '"':
		return json.RawMessage(`""`)
	case 't', 'f':
		return json.RawMessage("false")
	}
	return json.RawMessage("0")
}
