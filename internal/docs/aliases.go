package docs

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/doc"
	"go/format"
	"go/parser"
	"go/printer"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
)

// aliased are the types of engine/proxy that routers work with. They are documented again where
// `go doc engine.Target` looks, which shows of an alias nothing but its own comment.
var aliased = []string{"Target", "ForkOptions", "HeaderEdit", "Credentials", "Mask", "Response", "Branch", "BranchError", "Order", "Gateway", "Rule", "Guard", "Outcome", "Witness", "Answer", "Reach"}

const aliasesFile = "engine/aliases.go"

// aliases is the file of these types.
func aliases(root string) ([]byte, error) {
	p, fset, err := parsePackage(root, "engine/proxy")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString("package engine\n\n// Code generated from engine/proxy by `make docs`. DO NOT EDIT.\n\nimport \"github.com/sipscript/sipscript/engine/proxy\"\n")
	for _, name := range aliased {
		i := slices.IndexFunc(p.Types, func(t *doc.Type) bool { return t.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("engine/proxy has no type %s", name)
		}
		b.WriteString("\n")
		describeType(&b, fset, p.Types[i])
		fmt.Fprintf(&b, "type %s = proxy.%[1]s\n", name)
	}
	return format.Source(b.Bytes())
}

// describeType writes the comment of an alias: what the type's says, its fields and its methods.
func describeType(b *bytes.Buffer, fset *token.FileSet, t *doc.Type) {
	for line := range strings.Lines(strings.TrimSpace(t.Doc)) {
		b.WriteString("// " + strings.TrimSpace(line) + "\n")
	}
	fields := [][2]string{}
	if s, ok := t.Decl.Specs[0].(*ast.TypeSpec).Type.(*ast.StructType); ok {
		for _, f := range s.Fields.List {
			var names []string
			for _, n := range f.Names {
				if n.IsExported() {
					names = append(names, n.Name)
				}
			}
			if len(names) > 0 {
				fields = append(fields, [2]string{strings.Join(names, ", ") + " " + source(fset, f.Type), f.Doc.Text() + f.Comment.Text()})
			}
		}
	}
	writeList(b, "Fields", fields)
	methods := [][2]string{}
	for _, m := range t.Methods {
		head := strings.TrimPrefix(source(fset, m.Decl.Type), "func")
		methods = append(methods, [2]string{m.Name + head, m.Doc})
	}
	writeList(b, "Methods", methods)
}

func writeList(b *bytes.Buffer, title string, list [][2]string) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "//\n// %s:\n", title)
	for _, item := range list {
		text := item[0]
		name, _, _ := strings.Cut(text, " ")
		name, _, _ = strings.Cut(name, "(")
		said := strings.Join(strings.Fields(item[1]), " ")
		said = strings.TrimPrefix(strings.TrimPrefix(said, name+": "), name+" is ")
		switch {
		case strings.HasPrefix(said, name+" "):
			text += ". " + said
		case said != "":
			text += ": " + said
		}
		lead := "//   - "
		for text != "" {
			line := text
			if room := 100 - len(lead); len(line) > room {
				line = text[:strings.LastIndex(text[:room+1], " ")]
			}
			b.WriteString(lead + line + "\n")
			text, lead = strings.TrimSpace(text[len(line):]), "//     "
		}
	}
}

func source(fset *token.FileSet, n ast.Node) string {
	var b strings.Builder
	_ = printer.Fprint(&b, fset, n) // of a tree that was just parsed
	return b.String()
}

// parsePackage reads the package in a directory, without its tests, as its documentation shows it.
func parsePackage(root, dir string) (*doc.Package, *token.FileSet, error) {
	fset := token.NewFileSet()
	paths, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	if err != nil {
		return nil, nil, err
	}
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			return nil, nil, err
		}
		files = append(files, f)
	}
	p, err := doc.NewFromFiles(fset, files, "github.com/sipscript/sipscript/"+filepath.ToSlash(dir))
	return p, fset, err
}
