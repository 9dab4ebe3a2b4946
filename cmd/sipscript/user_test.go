package main

// This file tests `sipscript user`.

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// users runs one command line with text on standard input.
func users(t *testing.T, input string, args ...string) (out string, code int) {
	t.Helper()
	var b bytes.Buffer
	code = execute(append([]string{"sipscript", "user"}, args...), environment{lookup: func(n string) (string, bool) { return "", false },
		stdin: strings.NewReader(input), stdout: &b, stderr: &b})
	return b.String(), code
}

func TestUser(t *testing.T) {
	for _, kind := range []string{"file", "sqlite"} {
		store := "--store=" + kind + ":" + filepath.Join(t.TempDir(), "users")
		for _, c := range []struct {
			input string
			args  string
			code  int
			out   string
		}{
			{"secret\n", "passwd STORE --realm example.com --password-stdin alice", 1, "`sipscript user add`"},
			{"secret\n", "add STORE --realm example.com --password-stdin alice", 0, ""},
			{"secret\n", "passwd STORE --realm example.com --password-stdin carol", 1, "there is no user carol in realm example.com; `sipscript user add` adds one"},
			{"secret\n", "add STORE --realm example.com --password-stdin alice", 1, "user alice already exists"},
			{"secret", "add STORE --realm example.com --algorithm sha-256 --algorithm MD5 --password-stdin bob", 0, ""},
			{"", "list STORE", 0, "alice\texample.com\tMD5,SHA-256,SHA-512-256\nbob\texample.com\tMD5,SHA-256\n"},
			{"", "list STORE --realm example.org", 0, ""},
			{"other\r\n", "passwd STORE --realm example.com --algorithm MD5 --password-stdin alice", 0, ""},
			{"", "rm STORE --realm example.org bob", 1, "there is no user bob"},
			{"", "rm STORE bob", 0, ""},
			{"", "list STORE", 0, "alice\texample.com\tMD5\n"},
		} {
			t.Run(c.input, func(t *testing.T) {
				out, code := users(t, c.input, strings.Fields(strings.ReplaceAll(c.args, "STORE", store))...)
				if code != c.code || c.code == 0 && out != c.out || !strings.Contains(out, c.out) {
					t.Errorf("%s %s: exit %d, %q; want %d, %q", kind, c.args, code, out, c.code, c.out)
				}
				if strings.Contains(out, "secret") || strings.Contains(out, "other") {
					t.Errorf("%s shows the password: %s", c.args, out)
				}
			})
		}
	}
}

func TestUserMistakes(t *testing.T) {
	file, fresh := "file:"+filepath.Join(t.TempDir(), "users"), filepath.Join(t.TempDir(), "fresh.db")
	for _, c := range []struct {
		args string
		code int
		out  string
	}{
		{"add --realm x alice", 2, "--store"},
		{"add --store nonsense --realm x alice", 2, "--store nonsense: a store is"},
		{"add --store oracle:x --realm x alice", 2, "a store is"},
		{"list --store NEW", 1, "no such file or directory; `sipscript user add` and `user migrate` create a database"},
		{"rm --store NEW alice", 1, "no such file"},
		{"passwd --store NEW --realm x --password-stdin alice", 1, "no such file"},
		{"migrate --store NEW/x", 1, "no such file or directory"},
		{"add --store FILE alice", 2, "--realm"},
		{"add --store FILE --realm x", 2, "expected one user name"},
		{"add --store FILE --realm x alice bob", 2, "expected one user name"},
		{"add --store FILE alice --realm x", 2, "--password-stdin"},
		{"add --store FILE --realm x a:b", 2, "is not a user name"},
		{"add --store FILE --realm x --algorithm SHA-1 alice", 2, "unknown algorithm"},
		{"add --store FILE --realm x alice", 2, "--password-stdin"},
		{"add --store FILE --realm x --password-stdin alice", 1, "empty"},
		{"list --store FILE x", 2, "no argument"},
		{"list --store FILE", 1, "no such file"},
		{"migrate --store FILE", 2, "no tables"},
		{"nonsense", 2, "the commands are add, passwd, rm, list and migrate"},
		{"add --nonsense", 2, "nonsense"},
	} {
		t.Run(c.args, func(t *testing.T) {
			out, code := users(t, "", strings.Fields(strings.NewReplacer("FILE", file, "NEW", "sqlite:"+fresh).Replace(c.args))...)
			if _, err := os.Stat(fresh); err == nil {
				t.Fatalf("%s made a database", c.args)
			}
			if code != c.code || !strings.Contains(out, c.out) {
				t.Errorf("%s: exit %d, %q; want %d, %q", c.args, code, out, c.code, c.out)
			}
		})
	}
	if out, code := users(t, "\n", "add", "--store", file, "--realm", "x", "--password-stdin", "alice"); code != 1 || !strings.Contains(out, "empty") {
		t.Errorf("%d %s", code, out)
	}
	if out, code := users(t, strings.Repeat("x", 2000), "add", "--store", file, "--realm", "x", "--password-stdin", "alice"); code != 1 || !strings.Contains(out, "1024") {
		t.Errorf("%d %s", code, out)
	}
}
