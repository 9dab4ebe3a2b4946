#!/usr/bin/env bash
# github.com/fsnotify/fsnotify 1.10.1, on Linux.
#
# A program that watches a file by its path adds two directories: the one it is in, such as current/, and the one that
# this is a link to, release/. Expected: two watches, each with a name; either can be removed, and the other goes on.
# Seen: the second Add returns no error, and does nothing: its directory is not in WatchList, and all events have the
# first name. Remove of the first name ends both: what is written after it has no event. Added the other way round it is
# the same, for the name that was added second.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT; cd "$dir"
cat >go.mod <<'MOD'
module finding
go 1.24
MOD
cat >main.go <<'GO'
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	for _, names := range [][2]string{{"current", "release"}, {"release", "current"}} {
		root, err := os.MkdirTemp("", "finding")
		must(err)
		path := func(parts ...string) string { return filepath.Join(append([]string{root}, parts...)...) }
		must(os.Mkdir(path("release"), 0o755))
		must(os.Mkdir(path("other"), 0o755))
		must(os.Symlink("release", path("current")))
		w, err := fsnotify.NewWatcher()
		must(err)
		must(w.Add(path("other")))
		must(w.Add(path(names[0])))
		must(w.Add(path(names[1])))
		fmt.Println("added:", names[0], names[1])
		for _, dir := range []string{"current", "release"} {
			for _, watched := range w.WatchList() {
				if watched == path(dir) {
					fmt.Println("watched:", dir)
				}
			}
		}
		// events until that of a file in the other directory, which comes last
		events := func(name string) {
			must(os.Mkdir(path("release", name), 0o755))
			must(os.Mkdir(path("other", name), 0o755))
			for e := range w.Events {
				text, err := filepath.Rel(root, e.Name)
				must(err)
				if text == filepath.Join("other", name) {
					return
				}
				fmt.Println("event:", text)
			}
		}
		events("a")
		must(w.Remove(path(names[0])))
		fmt.Println("removed:", names[0])
		events("b")
		fmt.Println("removed:", names[1], "unknown:", errors.Is(w.Remove(path(names[1])), fsnotify.ErrNonExistentWatch))
		must(w.Close())
		must(os.RemoveAll(root))
	}
}
GO
go get github.com/fsnotify/fsnotify@v1.10.1 2>/dev/null
go run . | tee got
cat >expected <<'EOF'
added: current release
watched: current
event: current/a
removed: current
removed: release unknown: true
added: release current
watched: release
event: release/a
removed: release
removed: current unknown: true
EOF
diff expected got || { echo "changed"; exit 1; }
echo "as described"
