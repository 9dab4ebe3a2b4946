package deps

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// module reads this module's import graph, without the imports of test files.
func module(t *testing.T) Graph {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", Module+"/...").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %s", exit.Stderr)
		}
		t.Fatal(err)
	}
	g := Graph{}
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); err == io.EOF {
			return g
		} else if err != nil {
			t.Fatal(err)
		}
		g[p.ImportPath] = p.Imports
	}
}

func TestImportsGoOneWay(t *testing.T) {
	g := module(t)
	if len(g) < 5 || len(g[Module+"/engine/message"]) == 0 {
		t.Fatalf("this is not the module's graph: %d packages", len(g))
	}
	for _, line := range Check(g) {
		t.Error(line)
	}
}

// The checker finds what it is there for: each forbidden import, put into the real graph, fails;
// each allowed one passes.
func TestForbiddenImportsAreFound(t *testing.T) {
	const lua = "github.com/yuin/gopher-lua"
	for _, c := range []struct {
		from, to string
		bad      bool
	}{
		{"engine", Module + "/luabind", true},
		{"engine/proxy", Module + "/luabind", true},
		{"engine/sim", Module + "/luabind", true},
		{"engine", Module + "/modules/registrar", true},
		{"engine/message", Module + "/engine/lane", true},
		{"engine/message", "golang.org/x/net/idna", true},
		{"engine/lane", Module + "/engine/transport", true},
		{"engine/transport", Module + "/engine/transaction", true},
		{"engine/transaction", Module + "/engine/proxy", true},
		{"engine/transaction", Module + "/engine", true},
		{"engine/resolver", Module + "/engine/proxy", true},
		{"luabind", Module + "/modules/registrar", true},
		{"luabind", Module + "/cmd/sipscript", true},
		{"modules/registrar", Module + "/cmd/sipscript", true},
		{"modules/registrar", lua, true},
		{"engine", lua, true},
		{"cmd/sipscript", lua + "/parse", true},
		{"examples/embedlua", Module + "/internal/sparing", true},
		{"examples/embedlua", Module + "/ops/admin", false},
		{"newcomer", "fmt", true},
		{"engine/message", "fmt", false},
		{"engine", Module + "/engine/proxy", false},
		{"engine/proxy", Module + "/engine/transaction", false},
		{"luabind", lua, false},
		{"luabind", Module + "/engine", false},
		{"modules/registrar", Module + "/luabind", false},
		{"cmd/sipscript", Module + "/modules/all", false},
		{"cmd/sipscript", Module + "/modules/registrar", true},
		{"cmd/sipscript", Module + "/modules/registrar/sqlitestore", true},
		{"modules/host", Module + "/modules/registrar", true},
		{"modules/clients", "github.com/redis/rueidis", true},
		{"cmd/sipscript", Module + "/modules/clients/drivers", false},
	} {
		t.Run(c.from, func(t *testing.T) {
			lines := Check(Graph{Module + "/" + c.from: {c.to}})
			if (len(lines) > 0) != c.bad {
				t.Errorf("%s → %s: forbidden %v, found %q", c.from, c.to, c.bad, lines)
			}
			if c.bad && len(lines) == 1 && !strings.Contains(lines[0], c.from) {
				t.Errorf("the line does not name the importer: %q", lines[0])
			}
		})
	}
}
