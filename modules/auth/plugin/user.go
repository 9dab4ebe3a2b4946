package plugin

// sipscript user: the users in a store that auth.users can name.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/sipscript/sipscript/modules/auth"
	"github.com/sipscript/sipscript/modules/host"
)

// userTimeout is how long a command waits for a database.
const userTimeout = 30 * time.Second

func userCommand() host.Command {
	store := host.Flag{Name: "store", Usage: "the store of the users: file:`PATH`, sqlite:PATH, postgres://USER@HOST/DATABASE or mysql://…", DefaultText: "$SIPSCRIPT_USERS"}
	realm := host.Flag{Name: "realm", Usage: "the `REALM` of auth.configure, or the domain"}
	algorithm := host.Flag{Name: "algorithm", Kind: host.List, Usage: "keep a hash for `NAME`; repeatable", DefaultText: "MD5, SHA-256 and SHA-512-256"}
	stdin := host.Flag{Name: "password-stdin", Kind: host.Bool, Usage: "read the password from standard input, one line"}
	sub := func(name, usage, args string, run func(c *host.Invocation, m auth.Manager) error, flags ...host.Flag) host.Command {
		return host.Command{Name: name, Usage: usage, Args: args, Flags: append([]host.Flag{store}, flags...),
			Run: func(c *host.Invocation) error { return withStore(c, name, args, run) }}
	}
	return host.Command{
		Name: "user", Usage: "manage the users of a store",
		Sub: []host.Command{
			sub("add", "add a user", "NAME", func(c *host.Invocation, m auth.Manager) error { return setUser(c, m, true) }, realm, algorithm, stdin),
			sub("passwd", "change a user's password", "NAME", func(c *host.Invocation, m auth.Manager) error { return setUser(c, m, false) }, realm, algorithm, stdin),
			sub("rm", "remove a user, from all realms unless --realm names one", "NAME", removeUser, realm),
			sub("list", "list users, their realms and algorithms", "", listUsers, realm),
			sub("migrate", "create or update the tables of a database", "", migrate),
		},
	}
}

// withStore checks the arguments, and runs a command on the store.
func withStore(c *host.Invocation, sub, args string, run func(*host.Invocation, auth.Manager) error) error {
	name := c.Command
	spec := c.Flags.Text("store")
	if spec == "" {
		spec, _ = c.Lookup("SIPSCRIPT_USERS")
	}
	switch n := len(c.Args); {
	case spec == "":
		return host.Usagef("%s: name the store with --store sqlite:PATH, file:PATH or postgres://USER@HOST/DATABASE", name)
	case args == "" && n > 0:
		return host.Usagef("%s takes no argument: found %q", name, c.Args[0])
	case args != "" && n != 1:
		return host.Usagef("%s: expected one user name", name)
	}
	ctx, cancel := context.WithTimeout(c.Context, userTimeout)
	defer cancel()
	if path, ok := strings.CutPrefix(spec, "sqlite:"); ok && sub != "add" && sub != "migrate" {
		if _, err := os.Stat(path); err != nil { // opening it would make one
			return fmt.Errorf("%w; `sipscript user add` and `user migrate` create a database", err)
		}
	}
	m, release, err := auth.OpenManager(ctx, spec)
	if errors.Is(err, auth.ErrStore) {
		return host.Usagef("%s: --store %s: %v", name, spec, err)
	}
	if err != nil {
		return err
	}
	c.Context = ctx
	err = run(c, m)
	return errors.Join(err, release())
}

func setUser(c *host.Invocation, m auth.Manager, fresh bool) error {
	user, realm := c.Args[0], c.Flags.Text("realm")
	if realm == "" {
		return host.Usagef("%s: name the realm with --realm, such as your domain: a password is hashed together with it", c.Command)
	}
	algorithms := []auth.Algorithm{auth.MD5, auth.SHA256, auth.SHA512256}
	if names := c.Flags.List("algorithm"); len(names) > 0 {
		algorithms = nil
		for _, name := range names {
			a, err := auth.ParseAlgorithm(name)
			if err != nil {
				return host.Usagef("--algorithm: %v", err)
			}
			algorithms = append(algorithms, a)
		}
	}
	// Before anybody types a password
	if _, err := auth.Hashes(algorithms, user, realm, ""); err != nil {
		return host.Usagef("%s: %v", c.Command, err)
	}
	password, err := readPassword(c, c.Flags.Bool("password-stdin"))
	if err != nil {
		return err
	}
	hashes, err := auth.Hashes(algorithms, user, realm, password)
	if err != nil {
		return err
	}
	err = m.Set(c.Context, auth.Change{User: user, Realm: realm, Hashes: hashes, Fresh: fresh, At: time.Now()})
	switch {
	case errors.Is(err, auth.ErrExists):
		return fmt.Errorf("user %s already exists in realm %s; `sipscript user passwd` changes the password", user, realm)
	case errors.Is(err, auth.ErrNoUser):
		return fmt.Errorf("there is no user %s in realm %s; `sipscript user add` adds one", user, realm)
	}
	return err
}

func removeUser(c *host.Invocation, m auth.Manager) error {
	err := m.Remove(c.Context, c.Args[0], c.Flags.Text("realm"))
	if errors.Is(err, auth.ErrNoUser) {
		return fmt.Errorf("there is no user %s", c.Args[0])
	}
	return err
}

func listUsers(c *host.Invocation, m auth.Manager) error {
	list, err := m.Accounts(c.Context)
	if err != nil {
		return err
	}
	for _, a := range list {
		if realm := c.Flags.Text("realm"); realm != "" && realm != a.Realm {
			continue
		}
		names := make([]string, len(a.Algorithms))
		for i, x := range a.Algorithms {
			names[i] = x.String()
		}
		fmt.Fprintf(c.Stdout, "%s\t%s\t%s\n", a.User, a.Realm, strings.Join(names, ","))
	}
	return nil
}

func migrate(c *host.Invocation, m auth.Manager) error {
	db, ok := m.(*auth.SQL)
	if !ok {
		return host.Usagef("user migrate: a file has no tables")
	}
	if err := db.Migrate(c.Context); err != nil {
		return err
	}
	fmt.Fprintln(c.Stdout, "the tables are up to date")
	return nil
}
