package main

// Variables of the environment that nothing reads: most are misspelt.

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/luabind"
)

// tellUnknown tells of variables named SIPSCRIPT_… that no setting has. They may be the script's
// own, so the server starts.
func tellUnknown(tell func(text string), environ []string) {
	known := []string{"SIPSCRIPT_CONFIG", "SIPSCRIPT_ADMIN_TOKEN", "SIPSCRIPT_ADMIN_CA"}
	for _, key := range keys() {
		known = append(known, variable(key))
	}
	for _, text := range environ {
		name, _, _ := strings.Cut(text, "=")
		if !strings.HasPrefix(name, "SIPSCRIPT_") || slices.Contains(known, name) {
			continue
		}
		if best := luabind.Closest(name, known); best != "" {
			tell(fmt.Sprintf("no setting is called %s; did you mean %s?", name, best))
		}
	}
}

func isIdentifier(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}
