package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The scripts of the Debian package have systemd do what an operator expects: as dpkg calls them,
// with a systemctl that notes what it is asked, and a root of its own.
func TestPackageScripts(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh")
	}
	root := t.TempDir()
	for _, dir := range []string{"run/systemd/system", "var/lib/sipscript", "bin"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	asked := filepath.Join(root, "asked")
	program := func(name, text string) {
		if err := os.WriteFile(filepath.Join(root, "bin", name), []byte("#!"+sh+"\n"+text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	program("systemctl", "echo \"$@\" >>"+asked+"\n[ \"$1\" != is-enabled ] || [ ! -e "+root+"/disabled ]\n")
	program("getent", "exit 0\n")
	run := func(t *testing.T, line string) {
		t.Helper()
		words := strings.Fields(line)
		text, err := os.ReadFile("../../contrib/deb/" + words[0])
		if err != nil {
			t.Fatal(err)
		}
		own := string(text)
		for _, dir := range []string{"/run/", "/var/lib/", "/etc/"} {
			own = strings.ReplaceAll(own, " "+dir, " "+root+dir)
		}
		c := exec.Command(sh, append([]string{"-c", own, words[0]}, words[1:]...)...)
		c.Env = []string{"PATH=" + filepath.Join(root, "bin") + ":/usr/bin:/bin"}
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
	install, remove := []string{"preinst install 1", "postinst configure 1"}, []string{"prerm remove", "postrm remove"}
	for _, c := range []struct {
		name     string
		scripts  []string
		disabled bool
		want     string // what changes the service
	}{
		{"install", []string{"preinst install", "postinst configure"}, false, "enable --quiet --now"},
		{"upgrade", []string{"prerm upgrade 2", "preinst upgrade 1", "postrm upgrade 2", "postinst configure 1"}, false, "try-restart"},
		{"remove", remove, false, "stop"},
		{"install after that", install, false, "start"},
		{"upgrade after that", []string{"preinst upgrade 1", "postinst configure 1"}, false, "try-restart"},
		{"what its operator disabled", slices.Concat(remove, install), true, "stop"},
		{"purge", append(remove, "postrm purge"), false, "stop"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _ = os.Remove(asked), os.Remove(filepath.Join(root, "disabled"))
			if c.disabled {
				if err := os.WriteFile(filepath.Join(root, "disabled"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for _, line := range c.scripts {
				run(t, line)
			}
			text, _ := os.ReadFile(asked)
			var got []string
			for line := range strings.Lines(string(text)) {
				if what, _, ok := strings.Cut(line, " sipscript.service"); ok && !strings.HasPrefix(what, "is-enabled") {
					got = append(got, what)
				}
			}
			if s := strings.Join(got, ", "); s != c.want {
				t.Errorf("%q, want %q", s, c.want)
			}
		})
	}
}
