package manage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// jsonOf writes YAML as the JSON that it stands for.
func jsonOf(n *yaml.Node) (json.RawMessage, error) {
	switch n.Kind {
	case yaml.MappingNode:
		return objectOf(n)
	case yaml.SequenceNode:
		list := make([]json.RawMessage, len(n.Content))
		for i, entry := range n.Content {
			text, err := jsonOf(entry)
			if err != nil {
				return nil, err
			}
			list[i] = text
		}
		return json.Marshal(list)
	case yaml.ScalarNode:
		return literalOf(n)
	}
	return nil, errors.New("aliases are not read")
}

func objectOf(n *yaml.Node) (json.RawMessage, error) {
	var object members
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || object.has(key.Value) {
			return nil, fmt.Errorf("line %d has a key that is no plain text, or is there twice", key.Line)
		}
		value, err := jsonOf(n.Content[i+1])
		if err != nil {
			return nil, err
		}
		object = append(object, member{key.Value, value})
	}
	return object.MarshalJSON()
}

func literalOf(n *yaml.Node) (json.RawMessage, error) {
	switch n.ShortTag() {
	case "!!null":
		return json.RawMessage("null"), nil
	case "!!bool":
		return json.RawMessage(strings.ToLower(n.Value)), nil
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return json.RawMessage(n.Value), nil
		}
	case "!!str":
		return json.Marshal(n.Value)
	}
	return nil, fmt.Errorf("line %d: write %.50q in quotes", n.Line, n.Value)
}

// yamlOf writes JSON as YAML, in the same order.
func yamlOf(text json.RawMessage) (*yaml.Node, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return nextNode(d)
}

func nextNode(d *json.Decoder) (*yaml.Node, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case json.Delim:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		if v == '{' {
			n.Kind = yaml.MappingNode
		}
		for d.More() {
			child, err := nextNode(d) // in an object a key, then a value
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, child)
		}
		if len(n.Content) == 0 {
			n.Style = yaml.FlowStyle
		}
		_, err := d.Token()
		return n, err
	case string:
		return textNode(v), nil
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: v.String()}, nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(v)}, nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}, nil
}

func textNode(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}
