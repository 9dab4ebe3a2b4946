package spec

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// suffix ends the names of specs.
const suffix = "_spec.lua"

// Find lists the specs that paths name: files, and directories with everything below them except
// what begins with a dot; none means the current directory. A path without a spec is an error.
func Find(paths []string) ([]string, error) {
	if len(paths) == 0 {
		paths = []string{"."}
	}
	var files []string
	for _, path := range paths {
		found, err := findIn(path)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%s: there is no *%s here or below", path, suffix)
		}
		for _, f := range found {
			if !slices.Contains(files, f) {
				files = append(files, f)
			}
		}
	}
	return files, nil
}

func findIn(path string) (files []string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		if !strings.HasSuffix(path, suffix) {
			return nil, fmt.Errorf("%s is not a spec: names of specs end in %s", path, suffix)
		}
		return []string{filepath.Clean(path)}, nil
	}
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && p != path:
			return filepath.SkipDir
		case !d.IsDir() && strings.HasSuffix(p, suffix):
			files = append(files, p)
		}
		return nil
	})
	return files, err
}
