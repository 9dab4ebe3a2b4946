package presence

// This file is authorize as a list of rules.

import (
	"fmt"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/source"
)

// Rule lets a watcher see a user.
type Rule struct {
	Watcher string `lua:"watcher" default:"everybody" doc:"the watcher's address, or \"*@DOMAIN\""`
	User    string `lua:"user" default:"everybody" doc:"the user's address, or \"*@DOMAIN\""`
	Package string `lua:"package" default:"all, but not others' presence.winfo" doc:"the event package"`
	Allow   string `lua:"allow" default:"true" doc:"\"true\", \"pending\", \"polite\" or \"false\""`
}

// rules are the rules of a list, by what they are about. The most specific one holds: one that
// names the user before one that does not, then the watcher, then the package; among equals the
// last.
type rules map[ruleKey]Mode

type ruleKey struct{ watcher, user, event string }

func newRules(list []Rule) (rules, error) {
	r := make(rules, len(list))
	for i, e := range list {
		mode, ok := modes[e.Allow]
		if !ok {
			return nil, source.At(i, fmt.Errorf("allow: expected true, pending, polite or false, not %q", e.Allow))
		}
		watcher, err := pattern(e.Watcher)
		if err != nil {
			return nil, source.At(i, fmt.Errorf("watcher: %w", err))
		}
		user, err := pattern(e.User)
		if err != nil {
			return nil, source.At(i, fmt.Errorf("user: %w", err))
		}
		r[ruleKey{watcher, user, e.Package}] = mode
	}
	return r, nil
}

// pattern is an address in canonical form, "*@domain", or "" for all.
func pattern(text string) (string, error) {
	if text == "" || text == "*" {
		return "", nil
	}
	if len(text) > 2 && text[:2] == "*@" {
		return text, nil
	}
	uri, err := message.ParseURI([]byte(text))
	if err != nil || !uri.IsSIP() {
		if uri, err = message.ParseURI([]byte("sip:" + text)); err != nil {
			return "", fmt.Errorf("%.80q is not an address", text)
		}
	}
	return string(uri.AppendAOR(nil)), nil
}

// mode is what the rules say. Oneself one always sees.
func (r rules) mode(watcher, user, event string) Mode {
	if watcher == user {
		return Allowed
	}
	for _, u := range spellings(user) {
		for _, w := range spellings(watcher) {
			for _, e := range [...]string{event, ""} {
				if e == "" && strings.HasSuffix(event, winfoSuffix) {
					continue // who watches a user is told to others only where a rule says so
				}
				if m, ok := r[ruleKey{w, u, e}]; ok {
					return m
				}
			}
		}
	}
	return Denied
}

// spellings are the patterns that take in an address, the most specific first.
func spellings(aor string) [3]string {
	for i := range len(aor) {
		if aor[i] == '@' {
			return [3]string{aor, "*" + aor[i:], ""}
		}
	}
	return [3]string{aor, aor, ""}
}
