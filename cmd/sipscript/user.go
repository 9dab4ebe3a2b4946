package main

// sipscript user: the users in a store that auth.users can name.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/modules/auth"
)

// userTimeout is how long a command waits for a database.
const userTimeout = 30 * time.Second

func userCommand(env environment) *cli.Command {
	store := &cli.StringFlag{Name: "store", Usage: "the store of the users: file:`PATH`, sqlite:PATH or postgres://USER@HOST/DATABASE", DefaultText: "$SIPSCRIPT_USERS"}
	realm := &cli.StringFlag{Name: "realm", Usage: "the `REALM` of auth.configure, or the domain"}
	algorithm := &cli.StringSliceFlag{Name: "algorithm", Usage: "keep a hash for `NAME`; repeatable", DefaultText: "MD5, SHA-256 and SHA-512-256"}
	stdin := &cli.BoolFlag{Name: "password-stdin", Usage: "read the password from standard input, one line"}
	sub := func(name, usage, args string, run func(c *cli.Context, m auth.Manager) error, flags ...cli.Flag) *cli.Command {
		return &cli.Command{Name: name, Usage: usage, ArgsUsage: args, Flags: append([]cli.Flag{store}, flags...), OnUsageError: onUsageError,
			Action: func(c *cli.Context) error { return withStore(c, env, args, run) }}
	}
	return &cli.Command{
		Name: "user", Usage: "manage the users of a store", OnUsageError: onUsageError,
		Subcommands: []*cli.Command{
			sub("add", "add a user", "NAME", func(c *cli.Context, m auth.Manager) error { return setUser(c, env, m, true) }, realm, algorithm, stdin),
			sub("passwd", "change a user's password", "NAME", func(c *cli.Context, m auth.Manager) error { return setUser(c, env, m, false) }, realm, algorithm, stdin),
			sub("rm", "remove a user, from all realms unless --realm names one", "NAME", func(c *cli.Context, m auth.Manager) error { return removeUser(c, env, m) }, realm),
			sub("list", "list users, their realms and algorithms", "", func(c *cli.Context, m auth.Manager) error { return listUsers(c, env, m) }, realm),
			sub("migrate", "create or update the tables of a database", "", func(c *cli.Context, m auth.Manager) error { return migrate(c, env, m) }),
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("user: unknown command %q; the commands are add, passwd, rm, list and migrate", c.Args().First())
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}

// withStore checks the arguments, and runs a command on the store.
func withStore(c *cli.Context, env environment, args string, run func(*cli.Context, auth.Manager) error) error {
	name := "user " + c.Command.Name
	spec := c.String("store")
	if spec == "" {
		spec, _ = env.lookup("SIPSCRIPT_USERS")
	}
	switch n := c.Args().Len(); {
	case spec == "":
		return usagef("%s: name the store with --store sqlite:PATH, file:PATH or postgres://USER@HOST/DATABASE", name)
	case n > 1 && strings.HasPrefix(c.Args().Get(1), "-"):
		return usagef("%s: flags go before the user's name: found %q", name, c.Args().Get(1))
	case args == "" && n > 0:
		return usagef("%s takes no argument: found %q", name, c.Args().First())
	case args != "" && n != 1:
		return usagef("%s: expected one user name", name)
	}
	ctx, cancel := context.WithTimeout(c.Context, userTimeout)
	defer cancel()
	if path, ok := strings.CutPrefix(spec, "sqlite:"); ok && c.Command.Name != "add" && c.Command.Name != "migrate" {
		if _, err := os.Stat(path); err != nil { // opening it would make one
			return fmt.Errorf("%w; `sipscript user add` and `user migrate` create a database", err)
		}
	}
	m, release, err := auth.OpenManager(ctx, spec)
	if errors.Is(err, auth.ErrStore) {
		return usagef("%s: --store %s: %v", name, spec, err)
	}
	if err != nil {
		return err
	}
	c.Context = ctx
	err = run(c, m)
	return errors.Join(err, release())
}

func setUser(c *cli.Context, env environment, m auth.Manager, fresh bool) error {
	user, realm := c.Args().First(), c.String("realm")
	if realm == "" {
		return usagef("user %s: name the realm with --realm, such as your domain: a password is hashed together with it", c.Command.Name)
	}
	algorithms := []auth.Algorithm{auth.MD5, auth.SHA256, auth.SHA512256}
	if names := c.StringSlice("algorithm"); len(names) > 0 {
		algorithms = nil
		for _, name := range names {
			a, err := auth.ParseAlgorithm(name)
			if err != nil {
				return usagef("--algorithm: %v", err)
			}
			algorithms = append(algorithms, a)
		}
	}
	if _, err := auth.Hashes(algorithms, user, realm, ""); err != nil { // before anybody types a password
		return usagef("user %s: %v", c.Command.Name, err)
	}
	password, err := readPassword(env, c.Bool("password-stdin"))
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

func removeUser(c *cli.Context, _ environment, m auth.Manager) error {
	err := m.Remove(c.Context, c.Args().First(), c.String("realm"))
	if errors.Is(err, auth.ErrNoUser) {
		return fmt.Errorf("there is no user %s", c.Args().First())
	}
	return err
}

func listUsers(c *cli.Context, env environment, m auth.Manager) error {
	list, err := m.Accounts(c.Context)
	if err != nil {
		return err
	}
	for _, a := range list {
		if realm := c.String("realm"); realm != "" && realm != a.Realm {
			continue
		}
		names := make([]string, len(a.Algorithms))
		for i, x := range a.Algorithms {
			names[i] = x.String()
		}
		fmt.Fprintf(env.stdout, "%s\t%s\t%s\n", a.User, a.Realm, strings.Join(names, ","))
	}
	return nil
}

func migrate(c *cli.Context, env environment, m auth.Manager) error {
	db, ok := m.(*auth.SQL)
	if !ok {
		return usagef("user migrate: a file has no tables")
	}
	if err := db.Migrate(c.Context); err != nil {
		return err
	}
	fmt.Fprintln(env.stdout, "the tables are up to date")
	return nil
}
