package main

// sipscript schema: the tables that modules read from databases, as SQL.

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/modules/all"
	"github.com/sipscript/sipscript/modules/host"
)

// Whose tables can be read, and in what.
const (
	schemaLayouts   = "kamailio opensips"
	schemaDatabases = "sqlite postgres mysql"
)

func schemaCommand(env environment) *cli.Command {
	return &cli.Command{
		Name: "schema", Usage: "print the tables that a module reads from a database, as SQL", ArgsUsage: "MODULE",
		Description: "Without --layout they are the module's own; otherwise those of the other system, with the columns that are read.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "layout", Usage: "the tables of `SYSTEM`: " + strings.ReplaceAll(schemaLayouts, " ", " or ")},
			&cli.StringFlag{Name: "database", Value: "sqlite", Usage: "for `KIND`: sqlite, postgres or mysql"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if !slices.Contains(strings.Fields(schemaDatabases), c.String("database")) {
				return usagef("--database: %q is not one of sqlite, postgres, mysql", c.String("database"))
			}
			var names []string
			for _, p := range all.Plugins() {
				if p.Schema == nil {
					continue
				}
				if names = append(names, p.Name); p.Name == c.Args().First() && c.Args().Len() == 1 {
					return printSchema(env, &p, c.String("layout"), c.String("database"))
				}
			}
			slices.Sort(names)
			return usagef("schema: name one module with tables: %s", strings.Join(names, ", "))
		},
	}
}

func printSchema(env environment, p *host.Plugin, layout, database string) error {
	statements := p.Schema(layout, database)
	if statements == nil {
		var known []string
		for l := range strings.FieldsSeq(schemaLayouts) {
			if p.Schema(l, database) != nil {
				known = append(known, l)
			}
		}
		if known == nil {
			return usagef("--layout: %s reads only its own tables", p.Name)
		}
		return usagef("--layout: %s has no layout %q, only %s", p.Name, layout, strings.Join(known, ", "))
	}
	if layout != "" {
		fmt.Fprintf(env.stdout, "-- The columns that are read; the tables of %s have more.\n", layout)
	}
	for _, s := range statements {
		fmt.Fprintf(env.stdout, "%s;\n", s)
	}
	return nil
}
