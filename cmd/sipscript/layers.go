package main

// Where a setting comes from: the command line, or a SIPSCRIPT_* variable, or the file of --config.

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// layer fills in from the environment and the file what the command line left open. Afterwards the
// flags of c hold the effective values. It returns the script named by the variable or the file, or
// "".
func layer(c *cli.Context, lookup func(string) (string, bool)) (script string, err error) {
	given := map[string]bool{}
	for _, key := range keys() {
		given[key] = key != "script" && c.IsSet(key)
	}
	if given["watch"] || given["no-watch"] { // two names for one setting
		given["watch"], given["no-watch"] = true, true
	}
	fromEnv := environmentValues(lookup)
	fromFile, path, err := fileValues(c, lookup)
	if err != nil {
		return "", err
	}
	for _, from := range []source{fromEnv, fromFile} {
		taken := map[string]bool{}
		for _, key := range keys() {
			values, ok := from.values[key]
			if !ok || given[key] {
				continue
			}
			taken[key] = true
			if key == "script" {
				script = values[0]
				continue
			}
			for _, v := range values {
				if err := c.Set(key, v); err != nil {
					want := expected(c.Command.Flags, key)
					if want == "" {
						want = err.Error()
					}
					return "", usagef("%s: %q is not a valid value: %s", from.name(path, key), v, want)
				}
			}
		}
		for key := range taken {
			given[key] = true
		}
		if taken["watch"] || taken["no-watch"] {
			given["watch"], given["no-watch"] = true, true
		}
	}
	return script, nil
}

// source is one layer: its values by key, and how a complaint calls a key of it.
type source struct {
	values map[string][]string
	name   func(path, key string) string
}

// variable is the name of a key's environment variable.
func variable(key string) string {
	return "SIPSCRIPT_" + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
}

func environmentValues(lookup func(string) (string, bool)) source {
	values := map[string][]string{}
	for _, key := range keys() {
		text, ok := lookup(variable(key))
		if !ok || text == "" { // an empty variable says nothing, as an unset one
			continue
		}
		if manyValued(key) {
			values[key] = strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' })
		} else {
			values[key] = []string{text}
		}
	}
	return source{values, func(_, key string) string { return variable(key) }}
}

func fileValues(c *cli.Context, lookup func(string) (string, bool)) (source, string, error) {
	path := c.String("config")
	if path == "" {
		path, _ = lookup(variable("config"))
	}
	s := source{map[string][]string{}, func(path, key string) string { return path + ": " + key }}
	if path == "" {
		return s, "", nil
	}
	values, err := readConfig(path)
	if err != nil {
		return s, path, err
	}
	s.values = values
	return s, path, nil
}
