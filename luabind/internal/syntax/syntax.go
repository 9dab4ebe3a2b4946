// Package syntax reads and compiles the text of scripts: what runs them and what checks them must
// agree on what a script is. It bounds what a hostile text can do to the interpreter's parser and
// compiler.
package syntax

import (
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"
)

// maxSource is how long a script, or a file it requires, may be.
const maxSource = 64 << 20

// Error is why a text is not a script. Line is 0 if the error concerns the whole text, and Column
// is 0 if it is not known.
type Error struct {
	Name         string
	Line, Column int
	Text         string
}

// Error is "file:line: what".
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Name + ": " + e.Text
	}
	return fmt.Sprintf("%s:%d: %s", e.Name, e.Line, e.Text)
}

// Clean removes from a text what is not Lua: the byte order mark that some editors put at the
// beginning of a file, as Lua does since 5.2, and the "#!/usr/bin/env sipscript" of its first line.
func Clean(text string) string {
	text = strings.TrimPrefix(text, "\ufeff")
	if strings.HasPrefix(text, "#") {
		text = "--" + text
	}
	return text
}

// Parse makes the syntax tree of a text. It is at most maxHanging deep.
func Parse(text, name string) ([]ast.Stmt, error) {
	text = Clean(text)
	if len(text) > maxSource {
		return nil, &Error{Name: name, Text: fmt.Sprintf("the file is longer than %d MiB", maxSource>>20)}
	}
	if err := checkTokens(text, name); err != nil {
		return nil, err
	}
	chunk, err := parse.Parse(strings.NewReader(text), name)
	if err != nil {
		return nil, described(err, name)
	}
	if err := checkTree(chunk, name); err != nil {
		return nil, err
	}
	return chunk, nil
}

// CompileTree makes a prototype from a tree, which it changes.
func CompileTree(chunk []ast.Stmt, name string) (proto *lua.FunctionProto, err error) {
	defer func() {
		if v := recover(); v != nil {
			proto, err = nil, &Error{Name: name, Text: fmt.Sprintf("the compiler failed: %v", v)}
		}
	}()
	if proto, err = lua.Compile(split(chunk), name); err != nil {
		return nil, described(err, name)
	}
	widen(proto)
	return proto, nil
}

// Compile makes a prototype, which any number of VMs may share.
func Compile(text, name string) (*lua.FunctionProto, error) {
	chunk, err := Parse(text, name)
	if err != nil {
		return nil, err
	}
	return CompileTree(chunk, name)
}

// described is an error in our words.
func described(err error, name string) error {
	var p *parse.Error
	if errors.As(err, &p) {
		if p.Pos.Line == parse.EOF {
			return &Error{Name: name, Text: p.Message + " at the end of the file: is an \"end\" missing?"}
		}
		return &Error{name, p.Pos.Line, p.Pos.Column,
			fmt.Sprintf("%s near '%s'%s", p.Message, p.Token, foreign(p.Token))}
	}
	var c *lua.CompileError
	if errors.As(err, &c) {
		return &Error{Name: name, Line: c.Line, Text: c.Message}
	}
	return fmt.Errorf("%s: %w", name, err)
}

// foreign is a hint for authors who write another language in Lua.
func foreign(token string) string {
	switch token {
	case "!":
		return ": not equal is ~=, and not is \"not\""
	case "&":
		return ": it is \"and\""
	case "|":
		return ": it is \"or\""
	case "/", "//":
		return ": a comment begins with --"
	}
	return ""
}
