package auth

// Users as scripts write them.

import (
	"errors"
	"fmt"

	"github.com/sipscript/sipscript/engine"
)

// tableOf reads a table of users.
func tableOf(value any) (Table, error) {
	named, ok := value.(map[string]any)
	if !ok {
		return nil, errSource
	}
	t := make(Table, len(named))
	for name, v := range named {
		s, err := secretOf(v)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
		t[name] = s
	}
	return t, nil
}

var errSecret = errors.New("a user is a password (a string), {password=}, {ha1=, algorithm=}, or a list of hashes")

// secretOf reads what a script gives for one user: a string, or tables with hashes. Errors never
// show it.
func secretOf(value any) (*Secret, error) {
	s := &Secret{}
	switch v := value.(type) {
	case string:
		return NewPassword(v), nil
	case map[string]any:
		if password, ok := v["password"].(string); ok && len(v) == 1 {
			return NewPassword(password), nil
		}
		return s, addHash(s, v)
	case []any:
		for _, item := range v {
			h, ok := item.(map[string]any)
			if !ok {
				return nil, errSecret
			}
			if err := addHash(s, h); err != nil {
				return nil, err
			}
		}
		return s, nil
	}
	return nil, errSecret
}

// secretFound reads the results of a script's function: a secret, nil or false for nobody, or nil
// and why nobody can say.
func secretFound(results []any) (*Secret, error) {
	switch {
	case len(results) > 1 && results[0] == nil && results[1] != nil:
		return nil, fmt.Errorf("users: %v", results[1])
	case len(results) == 0 || results[0] == nil || results[0] == false:
		return nil, nil
	}
	s, err := secretOf(results[0])
	if err != nil {
		return nil, &engine.MisuseError{Text: "users: the function's result: " + err.Error()}
	}
	return s, nil
}

func addHash(s *Secret, v map[string]any) error {
	ha1, ok := v["ha1"].(string)
	if !ok {
		return errSecret
	}
	algorithm := ""
	for key, x := range v {
		switch key {
		case "ha1":
		case "algorithm":
			if algorithm, ok = x.(string); !ok {
				return errSecret
			}
		default:
			return fmt.Errorf("unknown key %q; the keys are ha1 and algorithm", key)
		}
	}
	return s.SetHash(algorithm, ha1)
}
