package main

// sipscript check: mistakes in scripts, found without running them.

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/luabind/check"
	"github.com/sipscript/sipscript/modules/all"
)

func checkCommand(env environment) *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "look for mistakes in scripts without running them", ArgsUsage: "FILE...",
		Description: "FILE is a script, a spec, or a file that scripts require; what a file requires is checked with it.\n" +
			"Each finding is one line, file:line:column: message. Exit code 1 says that there are errors, with --strict also " +
			"that there are warnings. docs/check.md explains the findings.",
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "print the findings as JSON"},
			&cli.BoolFlag{Name: "strict", Usage: "exit with 1 for warnings too"},
		}, dialectFlags()...),
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if !c.Args().Present() {
				return usagef("check: name the files to look at, as in `sipscript check route.lua`")
			}
			found, err := checkGiven(c)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				if err := check.WriteJSON(env.stdout, found); err != nil {
					return err
				}
			} else {
				for _, f := range found {
					fmt.Fprintln(env.stdout, f)
				}
			}
			if slices.ContainsFunc(found, func(f check.Finding) bool { return f.Severity == check.Error || c.Bool("strict") }) {
				return errSilent
			}
			return nil
		},
	}
}

// dialectFlags say that the files are scripts for another server.
func dialectFlags() (list []cli.Flag) {
	for _, d := range all.Dialects() {
		list = append(list, &cli.BoolFlag{Name: d.Name, Usage: "FILE is a script for run --" + d.Name})
	}
	return list
}

// checkGiven checks the files of the command line.
func checkGiven(c *cli.Context) (found []check.Finding, err error) {
	for _, d := range all.Dialects() {
		if !c.Bool(d.Name) {
			continue
		}
		for _, path := range c.Args().Slice() {
			list, err := d.Check(filepath.Clean(path))
			if err != nil {
				return nil, fmt.Errorf("check: %w", err)
			}
			found = append(found, list...)
		}
		return found, nil
	}
	return checkFiles(c.Args().Slice())
}

// checkFiles checks files one after another. What several of them require is reported once.
func checkFiles(files []string) (found []check.Finding, err error) {
	libraries, err := all.Libraries()
	if err != nil {
		return nil, err
	}
	checker := check.New(libraries)
	seen := map[check.Finding]bool{}
	for _, path := range files {
		list, err := checker.File(filepath.Clean(path))
		if err != nil {
			return nil, fmt.Errorf("check: %w", err)
		}
		for _, f := range list {
			if !seen[f] {
				seen[f] = true
				found = append(found, f)
			}
		}
	}
	return found, nil
}
