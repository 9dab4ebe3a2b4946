// Package scripts holds the ready routing scripts, embedded.
package scripts

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed *.lua start
var files embed.FS

// File is one of those that somebody begins with.
type File struct {
	Name string
	Text []byte
}

// Start returns the files to begin with: a script, its spec and a configuration.
func Start() []File {
	entries, err := fs.ReadDir(files, "start")
	if err != nil {
		return nil // an embedded directory can be read
	}
	var list []File
	for _, e := range entries {
		text, err := fs.ReadFile(files, "start/"+e.Name())
		if err != nil {
			return nil
		}
		list = append(list, File{e.Name(), text})
	}
	return list
}

// Get returns the source of a ready script: "default", or with its ending, "default.lua". The error
// of an unknown name lists those there are.
func Get(name string) ([]byte, error) {
	if !strings.HasSuffix(name, ".lua") {
		name += ".lua"
	}
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, fmt.Errorf("no ready script is called %q: there are %s", name, strings.Join(Names(), ", "))
	}
	return text, nil
}

// Names lists the ready scripts, sorted, as "default.lua"; their specs ("default_spec.lua") are not
// among them.
func Names() []string {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil // an embedded directory can be read
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".lua") && !strings.HasSuffix(e.Name(), "_spec.lua") {
			names = append(names, e.Name())
		}
	}
	return names
}
