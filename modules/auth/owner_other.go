//go:build !unix

package auth

import (
	"io/fs"
	"os"
)

func readable(path string) (uid, gid int, mode fs.FileMode) {
	if info, err := os.Stat(path); err == nil {
		return 0, 0, info.Mode().Perm()
	}
	return 0, 0, 0o600
}

func give(*os.File, int, int) error { return nil }
