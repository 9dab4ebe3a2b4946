package main

// sipscript reload and status: they ask a running server at its --admin address.

import (
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/internal/admin"
)

func reloadCommand(env environment) *cli.Command {
	return &cli.Command{
		Name: "reload", Usage: "make a running server load its script anew", Flags: clientFlags(), OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			client, err := newClient(c, env)
			if err != nil {
				return err
			}
			generation, err := client.Reload(c.Context)
			var refused *admin.Refused
			if errors.As(err, &refused) {
				return fmt.Errorf("the reload was refused, all serves on as before:\n%s", refused.Text)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(env.stdout, "reloaded: generation %d serves\n", generation)
			return nil
		},
	}
}

func statusCommand(env environment) *cli.Command {
	return &cli.Command{
		Name: "status", Usage: "show what a running server does, as JSON", Flags: clientFlags(), OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			client, err := newClient(c, env)
			if err != nil {
				return err
			}
			text, err := client.Status(c.Context)
			if err != nil {
				return err
			}
			_, err = env.stdout.Write(text)
			return err
		},
	}
}

func clientFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "admin", Usage: "the server's --admin `HOST:PORT`", DefaultText: "$SIPSCRIPT_ADMIN"},
		&cli.DurationFlag{Name: "timeout", Usage: "wait for the answer at most `TIME`", Value: 70 * time.Second},
	}
}

func newClient(c *cli.Context, env environment) (*admin.Client, error) {
	if c.Args().Present() {
		return nil, usagef("%s takes no argument: found %q", c.Command.Name, c.Args().First())
	}
	addr := c.String("admin")
	if addr == "" {
		addr, _ = env.lookup(variable("admin"))
	}
	if addr == "" {
		return nil, usagef("say which server: --admin HOST:PORT, as given to its `sipscript run --admin`")
	}
	if err := checkHostPort(addr); err != nil {
		return nil, usagef("--admin %s: %v", addr, err)
	}
	return &admin.Client{Addr: addr, Timeout: c.Duration("timeout")}, nil
}
