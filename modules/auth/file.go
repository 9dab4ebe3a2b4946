package auth

// This file is users in a file: lines of user:realm:hash or user:realm:ALGORITHM:hash.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/sipscript/sipscript/modules/source"
)

// File is users in a file, which is read again when it has changed.
type File struct {
	list *source.List[map[account]*Secret]
}

// account is a user in a realm.
type account struct{ user, realm string }

// OpenFile reads a file. The error names the lines that can't be read. Later errors are logged, and
// the users known before stay.
func OpenFile(path string, log *slog.Logger) (*File, error) {
	list, err := source.Open(context.Background(), source.Spec{URL: "file:" + path}, source.Options[userLine, map[account]*Secret]{
		Name: "auth.users", Line: parseLine, Build: usersOf, Log: log})
	if err != nil {
		return nil, err
	}
	return &File{list}, nil
}

// Close stops watching for changes.
func (f *File) Close() error { return f.list.Close() }

// Reload reads the file again. An error names the lines; the users known before remain.
func (f *File) Reload(ctx context.Context) error { return f.list.Reload(ctx) }

// Find looks the user up.
func (f *File) Find(q Query) (*Secret, Certainty) {
	return f.list.Get()[account{q.User, q.Realm}], Certain
}

// Fetch looks the user up.
func (f *File) Fetch(_ context.Context, q Query) (*Secret, error) {
	return f.list.Get()[account{q.User, q.Realm}], nil
}

// userLine is the content of a line.
type userLine struct {
	account
	algorithm Algorithm
	ha1       string
}

func parseLine(line string) (u userLine, is bool, err error) {
	u.account, u.algorithm, u.ha1, err = splitLine(line)
	return u, u.account != account{}, err
}

func usersOf(lines []userLine) (map[account]*Secret, error) {
	users := map[account]*Secret{}
	for i, u := range lines {
		s := users[u.account]
		if s == nil {
			s = &Secret{}
			users[u.account] = s
		}
		if s.ha1[u.algorithm.kind()] != "" {
			return nil, source.At(i, fmt.Errorf("a second hash of %s for this user and realm", u.algorithm))
		}
		s.ha1[u.algorithm.kind()] = u.ha1
	}
	return users, nil
}

// splitLine reads one line; of a blank one or a comment the account is empty. A realm may have
// colons in it.
func splitLine(line string) (a account, algorithm Algorithm, ha1 string, err error) {
	line = strings.TrimRight(line, " \t\r")
	if line == "" || line[0] == '#' {
		return a, 0, "", nil
	}
	user, rest, _ := strings.Cut(line, ":")
	i := strings.LastIndexByte(rest, ':')
	if user == "" || i < 0 {
		return a, 0, "", errors.New("expected user:realm:hash or user:realm:ALGORITHM:hash")
	}
	realm, hash, name := rest[:i], rest[i+1:], ""
	if j := strings.LastIndexByte(realm, ':'); j >= 0 && lookupAlgorithm([]byte(realm[j+1:])) != 0 {
		realm, name = realm[:j], realm[j+1:]
	}
	if algorithm, err = hashAlgorithm(name, hash); err != nil {
		return a, 0, "", err
	}
	return account{user, realm}, algorithm, strings.ToLower(hash), nil
}
