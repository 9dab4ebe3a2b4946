package auth

// This file is what changes users: the interface of stores, and how they are opened for that.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sipscript/sipscript/modules/source"
)

// Account is a user of a store.
type Account struct {
	User, Realm string      // as the store has the user, and the realm of the hashes
	Algorithms  []Algorithm // of which it has hashes
}

// Manager changes the users of a store.
type Manager interface {
	// Set gives a user hashes, in place of all there were in that realm. ErrExists and ErrNoUser:
	// see Change.
	Set(ctx context.Context, c Change) error
	// Remove removes a user from a realm, or from all of them for "". ErrNoUser if there was none.
	Remove(ctx context.Context, user, realm string) error
	// Accounts lists users by name and realm.
	Accounts(ctx context.Context) ([]Account, error)
}

// Change is a user's new hashes, from Hashes.
type Change struct {
	User, Realm string // whose hashes they are, and for which realm
	Hashes      map[Algorithm]string
	Fresh       bool      // the user must not exist yet; otherwise it must
	At          time.Time // when they were made, for the store's records
}

// Why a user can't be added, changed or removed.
var (
	ErrExists = errors.New("this user already exists")
	ErrNoUser = errors.New("this user does not exist")
)

// manageTimeout bounds one change of a store.
const manageTimeout = 30 * time.Second

// OpenManager opens "file:PATH", which may be a file that is not there yet, or a database with our
// own tables, by its URL.
func OpenManager(ctx context.Context, spec string) (Manager, func() error, error) {
	if path, ok := strings.CutPrefix(spec, "file:"); ok && path != "" {
		return fileManager{path}, func() error { return nil }, nil
	}
	pool := newPool(nil)
	if !pool.IsDatabase(spec) {
		return nil, nil, ErrStore
	}
	s, err := openSQL(ctx, pool, source.Spec{URL: spec}, manageTimeout)
	if err != nil {
		return nil, nil, err
	}
	return s, s.Close, nil
}

// ErrStore says that a name does not name a store.
var ErrStore = errors.New("a store is file:PATH, sqlite:PATH, postgres://USER@HOST/DATABASE or mysql://USER@HOST/DATABASE")

// Hashes are what a store keeps of a password.
func Hashes(algorithms []Algorithm, user, realm, password string) (map[Algorithm]string, error) {
	if err := checkName(user); err != nil {
		return nil, err
	}
	if err := checkRealm(realm); err != nil {
		return nil, err
	}
	if realm == "" || len(algorithms) == 0 {
		return nil, errors.New("a hash needs a realm and an algorithm")
	}
	hashes := map[Algorithm]string{}
	for _, a := range algorithms {
		hashes[a.Base()] = HashPassword(a, user, realm, password)
	}
	return hashes, nil
}

// checkName refuses names that can't be stored everywhere, or can't come in credentials.
func checkName(user string) error {
	var c credentials
	c.user = []byte(user)
	if flaw := c.finish(); flaw != "" || user == "" {
		return fmt.Errorf("%.60q is not a user name: %s", user, orElse(flaw, "it is empty"))
	}
	if strings.ContainsAny(user, ":") || user[0] == '#' {
		return fmt.Errorf("%.60q is not a user name: a colon separates it from the realm in what is hashed", user)
	}
	return nil
}
