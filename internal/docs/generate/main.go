// Command generate writes the files that are made from the declarations. It is run at the root of
// the project, by `make docs`.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/sipscript/sipscript/internal/docs"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	files, err := docs.Generated(root)
	if err != nil {
		return err
	}
	for path, text := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
