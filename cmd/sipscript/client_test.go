package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// The flags that name a server may stand before the part of a command, too.
func TestServerIsNamedBeforeThePart(t *testing.T) {
	env := environment{lookup: func(string) (string, bool) { return "", false }}
	found := 0
	for _, command := range newApp(env).Commands {
		if !hasFlag(command, "admin") {
			continue
		}
		for _, part := range command.Subcommands {
			if !hasFlag(part, "admin") {
				continue
			}
			t.Run(command.Name+" "+part.Name, func(t *testing.T) {
				var out bytes.Buffer
				env.stdout, env.stderr = &out, &out
				code := execute([]string{"sipscript", command.Name, "--admin", "nonsense", part.Name}, env)
				if code == 0 || strings.Contains(out.String(), "name the server") {
					t.Errorf("%d %s", code, &out)
				}
				if strings.Contains(out.String(), "--admin nonsense") {
					found++
				}
			})
		}
	}
	if found < 3 {
		t.Errorf("%d commands looked at the flag", found)
	}
}

func hasFlag(c *cli.Command, name string) bool {
	for _, f := range c.Flags {
		if f.Names()[0] == name {
			return true
		}
	}
	return false
}
