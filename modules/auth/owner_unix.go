//go:build unix

package auth

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// readable is who the file that replaces path belongs to, and its mode: those of the old one, so
// that a server which runs as another user still reads it. A new one that root makes belongs to the
// group of its directory: packages give that to the server.
func readable(path string) (uid, gid int, mode fs.FileMode) {
	if info, err := os.Stat(path); err == nil {
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			return int(s.Uid), int(s.Gid), info.Mode().Perm()
		}
	}
	uid, gid, mode = os.Geteuid(), os.Getegid(), 0o600
	if info, err := os.Stat(filepath.Dir(path)); err == nil && uid == 0 {
		if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Gid) != gid {
			gid, mode = int(s.Gid), 0o640
		}
	}
	return uid, gid, mode
}

// give gives a file to a user and a group.
func give(f *os.File, uid, gid int) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) == uid && int(s.Gid) == gid {
		return nil
	}
	if err := f.Chown(uid, gid); err != nil {
		return fmt.Errorf("the file belongs to user %d and group %d, and its successor must too; run this as that user or as root: %w", uid, gid, err)
	}
	return nil
}
