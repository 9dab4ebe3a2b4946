package main

// The file of --config: the flags' names as keys of a YAML mapping.

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxConfig bounds how much of a configuration file is read, in bytes.
const maxConfig = 1 << 20

// readConfig reads the values of each key. Errors name the file and the line.
func readConfig(path string) (map[string][]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, usagef("--config: %v", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return nil, usagef("--config: %v", err)
	}
	if len(text) > maxConfig {
		return nil, usagef("--config: %s is larger than %d bytes", path, maxConfig)
	}
	return parseConfig(path, text)
}

func parseConfig(path string, text []byte) (map[string][]string, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, usagef("%s: %v", path, err)
	}
	values := map[string][]string{}
	if len(doc.Content) == 0 { // an empty file
		return values, nil
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return values, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, usagef("%s:%d: expected a mapping such as `listen: [\"udp:127.0.0.1:5060\"]`", path, root.Line)
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		name := strings.ReplaceAll(key.Value, "_", "-")
		switch {
		case !slices.Contains(keys(), name):
			return nil, usagef("%s:%d: unknown key %q; the keys are the flags of `sipscript run` without their dashes", path, key.Line, key.Value)
		case values[name] != nil:
			return nil, usagef("%s:%d: %s is given twice", path, key.Line, name)
		}
		list, err := configValues(name, value)
		if err != nil {
			return nil, usagef("%s:%d: %s: %v", path, value.Line, name, err)
		}
		if len(list) > 0 {
			values[name] = list
		}
	}
	return values, nil
}

// configValues reads one key's value: a scalar or, if the flag may be repeated, a list; set and
// advertise also accept a mapping.
func configValues(key string, n *yaml.Node) ([]string, error) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		return nil, nil
	case n.Kind == yaml.ScalarNode:
		return []string{n.Value}, nil
	case n.Kind == yaml.SequenceNode && manyValued(key):
		var out []string
		for _, item := range n.Content {
			if item.Kind != yaml.ScalarNode {
				return nil, fmt.Errorf("line %d: expected a string", item.Line)
			}
			out = append(out, item.Value)
		}
		return out, nil
	case n.Kind == yaml.MappingNode && (key == "set" || key == "advertise"):
		var out []string
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i+1].Tag == "!!null" { // said nothing, as at the top
				continue
			}
			if n.Content[i+1].Kind != yaml.ScalarNode {
				return nil, fmt.Errorf("line %d: expected a string", n.Content[i+1].Line)
			}
			out = append(out, n.Content[i].Value+"="+n.Content[i+1].Value)
		}
		return out, nil
	case manyValued(key):
		return nil, fmt.Errorf("expected a list of strings")
	}
	return nil, fmt.Errorf("expected a single value")
}
