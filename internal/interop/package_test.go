package interop

// The Debian package: installed, run, upgraded and removed by the real dpkg.

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// makePackage builds a package of the binary under test in that version.
func makePackage(t *testing.T, version string) string {
	t.Helper()
	c := exec.Command("make", "-C", "../..", "deb", "BINARY="+binary, "VERSION="+version)
	c.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "MAKE") || strings.HasPrefix(v, "MFLAGS") })
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("make deb: %v\n%s", err, out)
	}
	built, err := filepath.Glob("../../bin/deb/sipscript_" + version + "_*.deb")
	if err != nil || len(built) != 1 {
		t.Fatalf("%v %v", built, err)
	}
	sum := exec.Command("sha256sum", "-c", "SHA256SUMS")
	sum.Dir = filepath.Dir(built[0])
	if out, err := sum.CombinedOutput(); err != nil {
		t.Errorf("%v %s", err, out)
	}
	kept := filepath.Join(t.TempDir(), filepath.Base(built[0]))
	if err := os.Rename(built[0], kept); err != nil {
		t.Fatal(err)
	}
	return kept
}

// dpkg runs it, again while another has its lock.
func dpkg(t *testing.T, args ...string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Second) {
		c := exec.Command("dpkg", args...)
		c.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		out, err := c.CombinedOutput()
		if err == nil {
			return
		}
		if !strings.Contains(string(out), "lock") || time.Now().After(end) {
			t.Fatalf("dpkg %v: %v\n%s", args, err, out)
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestDebianPackage(t *testing.T) {
	if _, err := exec.LookPath("dpkg"); err != nil || os.Getuid() != 0 {
		t.Skip("a package can't be installed: this is no Debian, or we are not root")
	}
	required := os.Getenv("SIPSCRIPT_INTEROP") == "required"
	if required { // what a run that was broken off has left there
		_ = exec.Command("dpkg", "--purge", "sipscript").Run()
		_ = exec.Command("userdel", "sipscript").Run()
	}
	const config = "/etc/sipscript/config.yaml"
	if _, err := user.Lookup("sipscript"); err == nil || exists("/usr/bin/sipscript") || exists("/etc/sipscript") {
		if required {
			t.Fatal("the package can't be tested (SIPSCRIPT_INTEROP=required): there is a sipscript here that dpkg does not know")
		}
		t.Skip("a package was not installed: there is a sipscript here already")
	}
	first, second := makePackage(t, "1.0.0"), makePackage(t, "1.0.1")
	t.Cleanup(func() {
		_ = exec.Command("dpkg", "--purge", "sipscript").Run()
		_ = exec.Command("userdel", "sipscript").Run()
	})
	dpkg(t, "--install", first)
	owner, err := user.Lookup("sipscript")
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(config)
	if err != nil {
		t.Fatal(err)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || info.Mode().Perm() != 0o640 || fmt.Sprint(st.Gid) != owner.Gid || st.Uid != 0 {
		t.Errorf("%s: %v %+v, the group is %s", config, info.Mode(), info.Sys(), owner.Gid)
	}
	for _, path := range []string{"/lib/systemd/system/sipscript.service", "/usr/share/man/man1/sipscript.1.gz", "/usr/share/man/man1/sipscript-run.1.gz",
		"/usr/share/bash-completion/completions/sipscript", "/usr/share/zsh/vendor-completions/_sipscript", "/usr/share/fish/vendor_completions.d/sipscript.fish", "/usr/share/doc/sipscript/copyright"} {
		// Images for containers leave documentation out of what dpkg unpacks
		if !exists(path) && !strings.HasPrefix(path, "/usr/share/doc/") && !strings.HasPrefix(path, "/usr/share/man/") {
			t.Errorf("there is no %s", path)
		}
	}
	runInstalled(t, owner)

	f, err := os.OpenFile(config, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString("# mine\n")
		_ = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	dpkg(t, "--install", second)
	if text, err := os.ReadFile(config); err != nil || !strings.HasSuffix(string(text), "# mine\n") {
		t.Errorf("the upgrade did not keep the configuration: %v\n%s", err, text)
	}
	dpkg(t, "--remove", "sipscript")
	if exists("/usr/bin/sipscript") || !exists(config) {
		t.Error("removing left the binary, or took the configuration")
	}
	dpkg(t, "--purge", "sipscript")
	if exists("/etc/sipscript") {
		t.Error("purging left the configuration")
	}
}

// runInstalled runs the installed server as its user, from the installed configuration, until it is
// ready.
func runInstalled(t *testing.T, as *user.User) {
	t.Helper()
	uid, err := strconv.ParseUint(as.Uid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.ParseUint(as.Gid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, "/usr/bin/sipscript", "run", "--config", "/etc/sipscript/config.yaml", "-l", "udp:127.0.0.1:0", "--drain", "0s")
	c.Dir, c.Env = "/etc/sipscript", []string{"PATH=/usr/bin:/bin"}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	said, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for b := make([]byte, 4096); !strings.Contains(text.String(), "ready\n"); {
		n, err := said.Read(b)
		text.Write(b[:n])
		if err != nil {
			break
		}
	}
	if !strings.Contains(text.String(), "ready\n") {
		t.Errorf("the installed server is not ready:\n%s", &text)
	}
	_ = c.Process.Signal(syscall.SIGTERM)
	if err := c.Wait(); err != nil {
		t.Errorf("%v\n%s", err, &text)
	}
}
