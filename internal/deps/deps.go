// Package deps checks that imports go one way:
//
//	cmd → modules → luabind → engine → {proxy → transaction, resolver} → {transport, lane} → message
//
// Its test checks the whole module. Imports of test files are not checked: a test may look at its
// package from above.
package deps

import (
	"fmt"
	"slices"
	"strings"
)

// Module is the path of this module; packages of it are named without it: "engine/lane".
const Module = "github.com/sipscript/sipscript"

// A rule says what one package, or one subtree of packages, may import. Paths of this module are
// relative to it; "std" is the standard library, "external" any other module. An entry that ends in
// "/..." includes what is below.
type rule struct {
	of     string   // whose imports
	may    []string // the only ones allowed
	reason string
}

// rules are searched from the top; the first whose subject matches applies.
func rules() []rule {
	return []rule{
		{"engine/message", []string{"std"}, "the message layer builds on nothing but the standard library"},
		{"engine/lane", []string{"std", "engine/message"}, "lanes know no protocol above the message"},
		{"engine/transport", []string{"std", "external", "engine/lane", "engine/message"}, "transports carry messages to lanes"},
		{"engine/siphash", []string{"std"}, "a hash is a hash"},
		{"engine/veil", []string{"std", "engine/siphash", "engine/message"}, "hiding takes a message and a key"},
		{"engine/transaction", []string{"std", "engine/siphash", "engine/veil", "engine/transport", "engine/lane", "engine/message"}, "transactions lie on transports"},
		{"engine/resolver", []string{"std", "external", "engine/transport", "engine/lane", "engine/message"}, "the resolver names transports"},
		{"engine/digest", []string{"std", "engine/message"}, "answering a challenge takes a message and some hashes"},
		{"engine/proxy", []string{"std", "engine/digest", "engine/siphash", "engine/veil", "engine/transaction", "engine/resolver", "engine/transport", "engine/lane", "engine/message"}, "the proxy lies on transactions and resolver"},
		{"engine/sim/...", []string{"std", "external", "engine/..."}, "the simulator runs the engine"},
		{"engine/...", []string{"std", "external", "engine/...", "internal/..."}, "the engine never imports what is built on it"},
		{"luabind/...", []string{"std", "external", "luabind/...", "engine/...", "internal/..."}, "bindings know the engine, not the modules"},
		{"modules/clients", []string{"std", "luabind"}, "who uses one server takes in no other's client"},
		{"ops/openapi", []string{"std"}, "an API is described by what Go itself knows of it"},
		{"modules/host", []string{"std", "luabind", "engine", "modules/clients", "ops/openapi"}, "what every module declares itself with brings nothing along"},
		{"modules/...", []string{"std", "external", "modules/...", "luabind/...", "engine/...", "ops/openapi", "internal/..."}, "modules know bindings and engine, not the command"},
		{"ops/metrics", []string{"std", "external", "luabind", "engine", "engine/lane", "engine/transport"}, "figures are read from engine and scripts"},
		{"ops/otel", []string{"std", "engine/ring"}, "a ring is exported without the engine"},
		{"ops/hep", []string{"std", "engine/ring"}, "a ring is exported without the engine"},
		{"ops/trace", []string{"std", "engine/ring", "engine/message", "ops/openapi", "internal/ladder"}, "what a ring remembers is shown without the engine"},
		{"ops/replay", []string{"std", "external", "luabind/...", "engine/...", "ops/openapi"}, "what a ring remembers is run once more, by scripts in the simulator"},
		{"ops/...", []string{"std", "external", "ops/..."}, "what a server is operated with knows nothing of SIP"},
		{"scripts", []string{"std"}, "scripts are text"},
		{"cmd/...", []string{"std", "external", "modules/all", "modules/host", "modules/clients/...", "luabind/...", "engine/...", "ops/...", "scripts", "internal/...", "cmd/..."}, "the command wires all of it, and knows no module by name: modules/all has the list"},
		{"bench/...", []string{"std", "external", "modules/...", "luabind/...", "engine/...", "ops/...", "scripts", "internal/...", "bench/..."}, "measurements may look at anything but the command"},
		{"examples/...", []string{"std", "external", "modules/...", "luabind/...", "engine/...", "ops/...", "examples/..."}, "an example uses what its reader may import"},
		{"internal/...", []string{"std", "external", "modules/...", "luabind/...", "engine/...", "ops/...", "scripts", "internal/..."}, "helpers never import the command"},
	}
}

// owners names packages that a single subtree may import.
func owners() map[string]string {
	return map[string]string{"github.com/yuin/gopher-lua": "luabind/..."}
}

// Graph is an import graph: package path → import paths.
type Graph map[string][]string

// Check returns one line for each import that goes the wrong way, in order.
func Check(g Graph) []string {
	var wrong []string
	for pkg, imports := range g {
		name, ours := inModule(pkg)
		if !ours {
			continue
		}
		for _, imp := range imports {
			if line := check(name, imp); line != "" {
				wrong = append(wrong, line)
			}
		}
	}
	slices.Sort(wrong)
	return slices.Compact(wrong)
}

func check(name, imp string) string {
	for owned, owner := range owners() {
		if (imp == owned || strings.HasPrefix(imp, owned+"/")) && !fits(owner, name) {
			return fmt.Sprintf("%s imports %s: only %s may", name, imp, owner)
		}
	}
	for _, r := range rules() {
		if !fits(r.of, name) {
			continue
		}
		if slices.ContainsFunc(r.may, func(allowed string) bool { return allows(allowed, imp) }) {
			return ""
		}
		return fmt.Sprintf("%s imports %s: %s", name, imp, r.reason)
	}
	return fmt.Sprintf("%s has no rule: add one that says what it may import", name)
}

// allows reports whether an entry of a rule takes in the import path.
func allows(entry, imp string) bool {
	name, ours := inModule(imp)
	switch {
	case entry == "std":
		return !ours && isStandard(imp)
	case entry == "external":
		return !ours && !isStandard(imp)
	}
	return ours && fits(entry, name)
}

// fits reports whether a package is the one named, or below it with "/...".
func fits(pattern, name string) bool {
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == base || strings.HasPrefix(name, base+"/")
	}
	return name == pattern
}

func inModule(path string) (name string, ours bool) {
	if path == Module {
		return ".", true
	}
	return strings.CutPrefix(path, Module+"/")
}

// isStandard: paths of the standard library have no dot in their first element.
func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}
