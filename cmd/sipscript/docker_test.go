package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Where there is no docker, the steps of the Dockerfile are what can be checked: what is copied is
// there, the binary is built without cgo and so is static, nobody is root, and the command that is
// run is one that this server takes.
func TestDockerfile(t *testing.T) {
	root := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(root, "contrib", "docker", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	var words []string // of ENTRYPOINT and CMD
	user, built, last := "", "", ""
	for line := range strings.Lines(string(text)) {
		step, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch step {
		case "FROM":
			user, last = "", rest
		case "USER":
			user = rest
		case "RUN":
			built += rest + "\n"
		case "COPY":
			args := strings.Fields(rest)
			for _, name := range args[:len(args)-1] {
				if strings.HasPrefix(args[0], "--from=") {
					continue
				}
				if _, err := os.Stat(filepath.Join(root, name)); err != nil {
					t.Errorf("%s: %v", line, err)
				}
			}
		case "ENTRYPOINT", "CMD":
			var list []string
			if err := json.Unmarshal([]byte(rest), &list); err != nil {
				t.Errorf("%s: %v", line, err)
			}
			words = append(words, list...)
		}
	}
	for _, row := range []struct {
		name string
		ok   bool
	}{
		{"nobody is root", user == "nonroot" && strings.HasSuffix(last, ":nonroot")},
		{"no shell", strings.Contains(last, "distroless/static")},
		{"static", strings.Contains(built, "CGO_ENABLED=0 go build -trimpath ") && strings.HasSuffix(strings.Fields(strings.Split(built, "&&")[0])[len(strings.Fields(strings.Split(built, "&&")[0]))-1], "./cmd/sipscript")},
		{"it runs a server", len(words) > 2 && words[1] == "run"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if !row.ok {
				t.Errorf("%s", text)
			}
		})
	}
	t.Run("the command", func(t *testing.T) {
		if s, err := parse(t, words[2:], nil, ""); err != nil || s.data != "/var/lib/sipscript" {
			t.Errorf("%q: %v", words, err)
		}
	})
}
