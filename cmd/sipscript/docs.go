package main

// The files that are made from the declarations of flags, commands and the API, for `make docs`.

import (
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/ops/openapi"
)

// manDir is where man pages are.
const manDir = "contrib/man"

// docsCommand is for the makers of sipscript.
func docsCommand() *cli.Command {
	return &cli.Command{
		Name: "docs", Hidden: true, Usage: "write the files made from declarations below DIR, the root of the sources", ArgsUsage: "DIR", OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			files, err := madeFiles()
			if err != nil {
				return err
			}
			for path, text := range files {
				path = filepath.Join(c.Args().First(), path)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					return err
				}
				if err := os.WriteFile(path, text, 0o644); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// madeFiles are the files by their paths below the root of the sources.
func madeFiles() (map[string][]byte, error) {
	list, err := operations()
	if err != nil {
		return nil, err
	}
	document, err := openapi.Document(apiInfo(), list)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"docs/openapi.json": document}
	for name, text := range manPages() {
		files[manDir+"/"+name] = text
	}
	return files, nil
}
