package docs

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/sipscript/sipscript/luabind/describe"
	"github.com/sipscript/sipscript/modules/all"
	"github.com/sipscript/sipscript/modules/kemi"
)

// Generated are the files that are made from the declarations, by their path below the root of the
// project, as they should be. READMEs of modules are read from there.
func Generated(root string) (map[string][]byte, error) {
	libraries, err := all.Libraries()
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{
		"docs/lua-reference.md": describe.Reference(libraries),
		"scripts/.luarc.json":   describe.Config("../docs/stubs"),
		"docs/kemi.md":          []byte(kemi.Document()),
	}
	if files[aliasesFile], err = aliases(root); err != nil {
		return nil, err
	}
	for name, text := range describe.Stubs(libraries) {
		if name != ".luarc.json" {
			files["docs/stubs/"+name] = text
		}
	}
	for i := range libraries {
		l := &libraries[i]
		path := "modules/" + l.Name + "/README.md"
		readme, err := os.ReadFile(filepath.Join(root, path))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if files[path], err = describe.Fill(readme, l); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return files, nil
}
