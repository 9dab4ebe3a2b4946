package interop

// The binary under test, built before the tests.

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// binary is the path of the binary under test, and commands of the one that asks it things: where
// servers have the race detector, their commands, which take seconds to start with it, have not.
// Written by TestMain before any test runs, and never again.
var binary, commands string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "sipscript-interop")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "sipscript")
	commands = binary
	if err := build(binary, strings.Fields(os.Getenv("SIPSCRIPT_INTEROP_BUILD"))...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if raceBuild() {
		commands = filepath.Join(dir, "commands")
		if err := build(commands); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

func build(to string, flags ...string) error {
	args := slices.Concat([]string{"build", "-trimpath", "-o", to}, flags, []string{"github.com/sipscript/sipscript/cmd/sipscript"})
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is shipped
	if slices.Contains(flags, "-race") {
		cmd.Env = append(cmd.Env, "CGO_ENABLED=1")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %v\n%s", err, out)
	}
	return nil
}

// raceBuild reports whether the binary under test has the race detector: then the time it takes
// says nothing.
func raceBuild() bool { return strings.Contains(os.Getenv("SIPSCRIPT_INTEROP_BUILD"), "-race") }

// needSipp skips the test where sipp is missing, and fails it where that is not an excuse.
func needSipp(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("sipp")
	switch {
	case err == nil:
	case os.Getenv("SIPSCRIPT_INTEROP") == "required":
		t.Fatal("sipp is required (SIPSCRIPT_INTEROP=required) and missing: install sip-tester")
	default:
		t.Skip("sipp is missing: install sip-tester (Debian) to run this test")
	}
	if testing.Short() {
		t.Skip("load by sipp is left out with -short")
	}
	return path
}
