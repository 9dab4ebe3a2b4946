package main

// sipscript init: files to begin with.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/scripts"
)

func initCommand(env environment) *cli.Command {
	return &cli.Command{
		Name: "init", Usage: "write a route.lua, route_spec.lua and config.yaml to start from", ArgsUsage: "[DIR]",
		Description:  "DIR is created if it does not exist; it defaults to the current directory. Existing files are never touched.",
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if c.NArg() > 1 {
				return usagef("init: expected one directory: found %q after %q", c.Args().Get(1), c.Args().First())
			}
			dir := c.Args().First()
			if dir == "" {
				dir = "."
			}
			return begin(env, dir)
		},
	}
}

// begin writes the files, all of them or none.
func begin(env environment, dir string) error {
	files := scripts.Start()
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("init: %s already exists; remove it, or choose another directory", path)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("init: %w", err)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("init: %w", err)
	}
	for i, f := range files {
		if err := create(filepath.Join(dir, f.Name), f.Text); err != nil {
			for _, done := range files[:i] {
				_ = os.Remove(filepath.Join(dir, done.Name))
			}
			return fmt.Errorf("init: %w", err)
		}
	}
	in := ""
	if dir != "." {
		in = "cd " + dir + "\n  "
	}
	for _, f := range files {
		fmt.Fprintln(env.stdout, "wrote", filepath.Join(dir, f.Name))
	}
	fmt.Fprintf(env.stdout, "\nNext:\n  %ssipscript test\n  sipscript run --config config.yaml\n", in)
	return nil
}

// create makes a file that is not there yet.
func create(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(path)
	}
	return err
}
