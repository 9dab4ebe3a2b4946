package main

// sipscript stubs: definition files for editors.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/luabind/describe"
	"github.com/sipscript/sipscript/modules/all"
)

func stubsCommand(env environment) *cli.Command {
	return &cli.Command{
		Name: "stubs", Usage: "write definition files for editors with a Lua language server", ArgsUsage: "[DIR]",
		Description: "Writes DIR/stubs/*.lua, which editors read for completion, types and help, and DIR/.luarc.json,\n" +
			"which tells them so. DIR is where your scripts are; it defaults to the current directory. Files in\n" +
			"DIR/stubs are replaced; an existing .luarc.json is never touched.",
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if c.NArg() > 1 {
				return usagef("stubs: expected one directory: found %q after %q", c.Args().Get(1), c.Args().First())
			}
			dir := c.Args().First()
			if dir == "" {
				dir = "."
			}
			return writeStubs(env, dir)
		},
	}
}

// stubsDir is where the files are, below the directory of the scripts: next to them a file
// registrar.lua would be taken for a script.
const stubsDir = "stubs"

func writeStubs(env environment, dir string) error {
	list, err := all.Libraries()
	if err != nil {
		return fmt.Errorf("stubs: %w", err)
	}
	files := describe.Stubs(list)
	delete(files, ".luarc.json")
	if err := os.MkdirAll(filepath.Join(dir, stubsDir), 0o755); err != nil {
		return fmt.Errorf("stubs: %w", err)
	}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		path := filepath.Join(dir, stubsDir, name)
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return fmt.Errorf("stubs: %w", err)
		}
		fmt.Fprintln(env.stdout, "wrote", path)
	}
	path := filepath.Join(dir, ".luarc.json")
	switch err := create(path, describe.Config(stubsDir)); {
	case errors.Is(err, fs.ErrExist):
		fmt.Fprintf(env.stdout, "%s exists and was left alone: its \"workspace.library\" has to name %q\n", path, stubsDir)
	case err != nil:
		return fmt.Errorf("stubs: %w", err)
	default:
		fmt.Fprintln(env.stdout, "wrote", path)
	}
	return nil
}
