package main

// sipscript reload and status: they ask a running server at its --admin address.

import (
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/ops/admin"
)

func reloadCommand(env environment) *cli.Command {
	return &cli.Command{
		Name: "reload", Usage: "make a running server reload its script", Flags: clientFlags(), OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("%s takes no argument: found %q", c.Command.Name, c.Args().First())
			}
			client, err := newClient(c, env)
			if err != nil {
				return err
			}
			generation, err := client.Reload(c.Context)
			var refused *admin.Refused
			if errors.As(err, &refused) {
				return fmt.Errorf("the reload was refused; the server continues as before:\n%s", refused.Text)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(env.stdout, "reloaded: now serving generation %d\n", generation)
			return nil
		},
	}
}

func statusCommand(env environment) *cli.Command {
	return &cli.Command{
		Name: "status", Usage: "show the state of a running server, as JSON", Flags: clientFlags(), OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("%s takes no argument: found %q", c.Command.Name, c.Args().First())
			}
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
		&cli.DurationFlag{Name: "timeout", Usage: "wait at most `TIME` for the answer", Value: 70 * time.Second},
	}
}

func newClient(c *cli.Context, env environment) (*admin.Client, error) {
	addr := c.String("admin")
	if addr == "" {
		addr, _ = env.lookup(variable("admin"))
	}
	if addr == "" {
		return nil, usagef("name the server with --admin HOST:PORT, as given to its `sipscript run --admin`")
	}
	if err := checkHostPort(addr); err != nil {
		return nil, usagef("--admin %s: %v", addr, err)
	}
	return &admin.Client{Addr: addr, Timeout: c.Duration("timeout")}, nil
}
