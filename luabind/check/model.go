package check

import (
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// What is known of a program before any rule is asked: its files, functions and variables.

// file is one file of a program.
type file struct {
	*program
	name      string
	text      string
	lines     []string // of it
	tree      []ast.Stmt
	places    *places
	main      *function
	uses      map[any]*variable // by *ast.IdentExpr
	functions map[any]*function // by *ast.FunctionExpr
}

// endOf stands for the end of a function, and nameOf for a name that a node declares.
type (
	endOf  struct{ node *ast.FunctionExpr }
	nameOf struct {
		node any
		n    int
	}
)

// at is where a node stands. The places are found when the first is asked for: there is nothing to
// say of most files.
func (f *file) at(node any) place {
	if at, ok := node.(place); ok {
		return at
	}
	if f.places == nil {
		f.places = placesOf(f.tree, f.text)
	}
	switch n := node.(type) {
	case endOf:
		return f.places.ends[n.node]
	case nameOf:
		return f.places.names[n.node][n.n]
	}
	return f.places.of[node]
}

// ignores reports whether a line says that its findings are intended: "-- check: ignore".
func (f *file) ignores(line int, rule string) bool {
	if line < 1 || line > len(f.lines) {
		return false
	}
	_, said, ok := strings.Cut(f.lines[line-1], "-- check: ignore")
	if !ok {
		return false
	}
	said = strings.TrimSpace(said)
	return said == "" || strings.HasPrefix(said, rule)
}

// function is one of a file; the file itself is one too.
type function struct {
	file   *file
	node   *ast.FunctionExpr // nil of a file
	stmts  []ast.Stmt
	parent *function
	params []*variable
	method bool // it has a self

	variable *variable // that holds it, where one does from its definition on
	name     string    // as it was defined, for messages; "" where it has none
	returns  []*ast.ReturnStmt
	runs     runs
	calls    []*callSite // of it, where all are known
	escapes  bool        // it is used in another way than being called
	touches  truth       // whether it has to do with the request; see frame.mentions
	goes     truth       // whether it has a goto
	bits     *factBits   // see frame.findBits
}

// variable is a local, a parameter or a global.
type variable struct {
	name     string
	global   bool
	owner    *function // whose local it is
	param    bool
	index    int                  // of a parameter, or among the names that are declared together
	declared *ast.LocalAssignStmt // that declares it
	defs     []definition
	later    []assignment // those after its declaration
	reads    int          // uses that are not calls of it
}

// definition is what a variable gets.
type definition struct {
	file   *file
	expr   ast.Expr // nil: not known
	result int      // which value of expr
	each   bool     // it goes through the values of expr: a loop's variable
}

// assignment is where a variable is assigned.
type assignment struct {
	in   *function
	node ast.Expr
}

// callSite is a call, and the function that it is in.
type callSite struct {
	in    *function
	call  *ast.FuncCallExpr
	alone bool // it is a statement: nothing becomes of its results
}

// store is an assignment to a field.
type store struct {
	in     *function
	target *ast.AttrGetExpr
	value  definition
}

// memberDefinition is what a name of a table gets, at one place.
type memberDefinition struct {
	file  *file
	table ast.Expr
	name  string
	definition
}
