package auth

// This file changes files of users, keeping comments and lines of others.

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// fileManager changes a file by putting another in its place: a server that reads it sees the old
// or the new one. Two changes at the same time are refused, not lost.
type fileManager struct{ path string }

// Set gives a user hashes.
func (f fileManager) Set(_ context.Context, c Change) error {
	return f.edit(func(lines []string) ([]string, error) {
		kept := without(lines, c.User, c.Realm)
		switch there := len(kept) < len(lines); {
		case there && c.Fresh:
			return nil, ErrExists
		case !there && !c.Fresh:
			return nil, ErrNoUser
		}
		for _, a := range []Algorithm{MD5, SHA256, SHA512256} {
			if h := c.Hashes[a]; h != "" {
				kept = append(kept, c.User+":"+c.Realm+":"+a.String()+":"+h)
			}
		}
		return kept, nil
	})
}

// Remove removes a user.
func (f fileManager) Remove(_ context.Context, user, realm string) error {
	return f.edit(func(lines []string) ([]string, error) {
		kept := without(lines, user, realm)
		if len(kept) == len(lines) {
			return nil, ErrNoUser
		}
		return kept, nil
	})
}

// Accounts lists users.
func (f fileManager) Accounts(context.Context) ([]Account, error) {
	users, err := OpenFile(f.path, nil)
	if err != nil {
		return nil, err
	}
	defer users.Close()
	var list []Account
	for a, s := range users.list.Get() {
		x := Account{User: a.user, Realm: a.realm}
		for _, algorithm := range []Algorithm{MD5, SHA256, SHA512256} {
			if s.ha1[algorithm.kind()] != "" {
				x.Algorithms = append(x.Algorithms, algorithm)
			}
		}
		list = append(list, x)
	}
	slices.SortFunc(list, func(a, b Account) int { return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Realm, b.Realm)) })
	return list, nil
}

// without is lines without those of a user; realm "" is any.
func without(lines []string, user, realm string) []string {
	var kept []string
	for _, line := range lines {
		a, _, _, err := splitLine(line)
		if err == nil && a.user == user && (realm == "" || a.realm == realm) {
			continue
		}
		kept = append(kept, line)
	}
	return kept
}

// edit changes the lines of the file. The new file is written next to it, under a name that only
// one process at a time can create.
func (f fileManager) edit(change func([]string) ([]string, error)) error {
	temp := f.path + ".new"
	uid, gid, mode := readable(f.path)
	out, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return errors.New(temp + " exists: somebody else is changing the file; if not, remove it")
	}
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	defer out.Close()
	text, err := os.ReadFile(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var lines []string
	if len(text) > 0 {
		lines = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	}
	if lines, err = change(lines); err != nil {
		return err
	}
	if len(lines) > 0 {
		_, err = out.WriteString(strings.Join(lines, "\n") + "\n")
	}
	if err = errors.Join(err, give(out, uid, gid), out.Chmod(mode), out.Sync(), out.Close()); err != nil {
		return err
	}
	return os.Rename(temp, filepath.Clean(f.path))
}
