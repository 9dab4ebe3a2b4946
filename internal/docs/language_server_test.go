package docs

// This file has a Lua language server read the ready scripts with the definitions for editors.

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestLanguageServer checks scripts/ as an editor does. The server is no package of Debian, Go or
// npm: where it is not on the path the test says so.
func TestLanguageServer(t *testing.T) {
	server, err := exec.LookPath("lua-language-server")
	if err != nil {
		t.Skip("lua-language-server is not installed, and no registry of packages that CI uses has it: put a release of LuaLS on the path to run this test")
	}
	dir := t.TempDir()
	cmd := exec.Command(server, "--check="+filepath.Join(root, "scripts"), "--checklevel=Warning", "--logpath="+dir, "--configpath="+filepath.Join(root, "scripts", ".luarc.json"))
	if out, err := cmd.CombinedOutput(); err != nil && !strings.Contains(string(out), "Diagnosis complete") {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "check.json"))
	if os.IsNotExist(err) { // nothing was found
		return
	}
	var found map[string][]struct {
		Message string `json:"message"`
		Code    string `json:"code"`
	}
	if err != nil || json.Unmarshal(text, &found) != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for file, list := range found {
		for _, d := range list {
			t.Errorf("%s: %s (%s)", file, d.Message, d.Code)
		}
	}
}
