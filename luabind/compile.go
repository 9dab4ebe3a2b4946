package luabind

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/luabind/internal/syntax"
	lua "github.com/yuin/gopher-lua"
)

// program is the compiled source of one generation: the script and the Lua files it requires, each
// compiled once and shared by all VMs. While the VMs are built it belongs to the building
// goroutine; afterwards it doesn't change.
type program struct {
	name  string // as errors call the script
	dir   string // the directory of the required files, "" if there are none
	files fs.FS
	main  *lua.FunctionProto
	parts map[string]*part // by the name required
	paths []string
	root  *os.Root // behind files, nil if the files are the embedder's
	cover *Coverage
	texts map[string]string // of the files, by their names in files; "" is the script itself
}

// close lets go of the directory: nothing is required once the VMs have been built.
func (p *program) close() {
	if p.root != nil {
		p.root.Close()
	}
}

// part is one required Lua file.
type part struct {
	name  string
	proto *lua.FunctionProto
}

// open reads and compiles the script.
func (o *Options) open() (*program, error) {
	p := &program{name: o.Name, files: o.Files, parts: map[string]*part{}, cover: o.Cover, texts: map[string]string{}}
	text := o.Source
	if o.Script != "" {
		b, err := os.ReadFile(o.Script)
		if err != nil {
			return nil, fmt.Errorf("cannot read the script: %w", err)
		}
		text, p.name, p.dir = string(b), o.Script, filepath.Dir(o.Script)
		if abs, err := filepath.Abs(o.Script); err == nil {
			p.paths = append(p.paths, abs)
		}
		if p.files == nil {
			// A required file cannot be outside the script's directory.
			root, err := os.OpenRoot(p.dir)
			if err != nil {
				return nil, err
			}
			p.root, p.files = root, root.FS()
		}
	}
	p.texts[""] = text
	if o.Through != nil {
		text = o.Through(filepath.Base(p.name))
	}
	if p.name == "" {
		p.name = "script"
	}
	path := ""
	if len(p.paths) > 0 {
		path = p.paths[0]
	}
	proto, err := p.compile(text, p.name, path)
	if err != nil {
		p.close()
		return nil, err
	}
	p.main = proto
	return p, nil
}

// compile makes a prototype, which any number of VMs may share.
func compile(text, name string) (*lua.FunctionProto, error) {
	proto, err := syntax.Compile(text, name)
	if err == nil {
		shareTexts(proto)
	}
	return proto, err
}

// compile is compile with counts, if they are asked for and the text is a file's.
func (p *program) compile(text, name, path string) (*lua.FunctionProto, error) {
	if p.cover == nil || path == "" {
		return compile(text, name)
	}
	return p.cover.compile(text, name, path)
}

// errNoFile says that a required name is not a file either.
var errNoFile = errors.New("no such file")

// require finds and compiles the Lua file for a name: "a.b" is a/b.lua or a/b/init.lua next to the
// script.
func (p *program) require(name string) (*part, error) {
	if f := p.parts[name]; f != nil {
		return f, nil
	}
	if p.files == nil {
		return nil, errNoFile
	}
	base := strings.ReplaceAll(name, ".", "/")
	for _, file := range []string{base + ".lua", base + "/init.lua"} {
		if !fs.ValidPath(file) || strings.Contains(file, "\\") {
			return nil, fmt.Errorf("%q is not a module name: use letters, digits, '_', '-', and dots between parts", name)
		}
		b, err := fs.ReadFile(p.files, file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		shown := path.Join(filepath.ToSlash(p.dir), file)
		abs := ""
		if p.dir != "" {
			if abs, err = filepath.Abs(filepath.Join(p.dir, filepath.FromSlash(file))); err != nil {
				abs = ""
			}
		}
		// One that does not compile is watched too.
		if abs != "" && !slices.Contains(p.paths, abs) {
			p.paths = append(p.paths, abs)
		}
		p.texts[file] = string(b)
		proto, err := p.compile(string(b), shown, abs)
		if err != nil {
			return nil, err
		}
		f := &part{name: shown, proto: proto}
		p.parts[name] = f
		return f, nil
	}
	return nil, errNoFile
}
