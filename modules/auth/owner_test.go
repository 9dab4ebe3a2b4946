//go:build unix

package auth

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A file of users that root changes stays readable for the server, which is somebody else.
func TestOwnerOfUsersStays(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, who may give files away")
	}
	const uid, gid = 4321, 4322
	for _, row := range []struct {
		name     string
		old      bool
		dirGroup int
		mode     os.FileMode // of the old file
		uid, gid uint32
		want     os.FileMode
	}{
		{"replaced", true, 0, 0o640, uid, gid, 0o640},
		{"replaced, for nobody else", true, gid, 0o600, uid, gid, 0o600},
		{"new, in a package's directory", false, gid, 0, 0, gid, 0o640},
		{"new, elsewhere", false, os.Getegid(), 0, 0, uint32(os.Getegid()), 0o600},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "users")
			if err := os.Chown(dir, 0, row.dirGroup); err != nil {
				t.Skip(err) // root of a container that has no other users
			}
			if row.old {
				if err := os.WriteFile(path, nil, row.mode); err != nil {
					t.Fatal(err)
				}
				if err := os.Chown(path, uid, gid); err != nil {
					t.Skip(err)
				}
			}
			c := Change{User: "alice", Realm: "example.com", Fresh: true, Hashes: map[Algorithm]string{MD5: "00112233445566778899aabbccddeeff"}}
			if err := (fileManager{path}).Set(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if s := info.Sys().(*syscall.Stat_t); s.Uid != row.uid || s.Gid != row.gid || info.Mode().Perm() != row.want {
				t.Errorf("user %d, group %d, mode %v", s.Uid, s.Gid, info.Mode().Perm())
			}
		})
	}
}
