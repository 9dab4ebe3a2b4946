package main

// sipscript token: it makes a token for the admin interface.

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/ops/admin"
)

func tokenCommand(env environment) *cli.Command {
	return &cli.Command{
		Name: "token", Usage: "make a token for the admin interface, and its line for --admin-tokens", ArgsUsage: "NAME", OnUsageError: onUsageError,
		Flags: []cli.Flag{&cli.StringFlag{Name: "role", Usage: "what its owner may do: `read` or act", Value: "read"}},
		Action: func(c *cli.Context) error {
			name := c.Args().First()
			if c.Args().Len() != 1 || strings.ContainsAny(name, " \t\r\n#") || name == "" || name == "loopback" {
				return usagef("token: expected one name, of whoever will have the token")
			}
			role, ok := admin.ParseRole(c.String("role"))
			if !ok || role == admin.Nothing {
				return usagef("token: --role %s: expected read or act", c.String("role"))
			}
			token, line := admin.NewToken(name, role)
			fmt.Fprintf(env.stderr, "the token, which is kept nowhere: %s\nthe line for the file of --admin-tokens:\n", token)
			fmt.Fprintln(env.stdout, line)
			return nil
		},
	}
}
