package main

// sipscript kemi convert: a script for another server becomes one of ours.

import (
	"fmt"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/modules/all"
)

// dialectCommands are those for scripts that were written for another server.
func dialectCommands(env environment) (list []*cli.Command) {
	for _, d := range all.Dialects() {
		list = append(list, &cli.Command{
			Name: d.Name, Usage: "work with scripts for run --" + d.Name,
			OnUsageError: onUsageError,
			Subcommands: []*cli.Command{{
				Name: "convert", Usage: "print a first translation into a script of this server", ArgsUsage: "FILE",
				Description: "FILE is " + d.Files + ". What the server does by itself is left out and listed at the top; " +
					"DECIDE in a comment marks what a human has to look at. docs/" + d.Name + ".md says more.",
				OnUsageError: onUsageError,
				Action: func(c *cli.Context) error {
					if c.Args().Len() != 1 {
						return usagef("%[1]s convert: name one file, as in `sipscript %[1]s convert kamailio.lua >route.lua`", d.Name)
					}
					text, err := d.Convert(filepath.Clean(c.Args().First()))
					if err != nil {
						return fmt.Errorf("%s convert: %w", d.Name, err)
					}
					_, err = fmt.Fprint(env.stdout, text)
					return err
				},
			}},
		})
	}
	return list
}
