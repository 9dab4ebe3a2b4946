package watch_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sipscript/sipscript/ops/watch"
)

// A router that scripts write is loaded again when its file is saved.
func ExampleNew() {
	dir, err := os.MkdirTemp("", "watch")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "route.lua")
	if err := os.WriteFile(path, []byte("-- empty"), 0o600); err != nil {
		fmt.Println(err)
		return
	}

	ctx, cancel := context.WithCancel(context.Background())
	w, err := watch.New(watch.Options{
		Files: func() []string { return []string{path} },
		Changed: func() error { // here: router.Reload(ctx)
			fmt.Println("changed")
			cancel()
			return nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := os.WriteFile(path, []byte("function route(req) req:drop() end"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	w.Run(ctx) // until the context ends
	// Output: changed
}
