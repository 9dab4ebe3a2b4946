package main

// sipscript reload.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/ops/admin"
	"github.com/sipscript/sipscript/ops/replay"
)

func reloadCommand(env environment) *cli.Command {
	return &cli.Command{
		Name: "reload", Usage: "make a running server reload its script", OnUsageError: onUsageError,
		Description: "With --script it loads another file, beside its own, until it stops; copy it over its own to keep it. With --gate the last\n" +
			"requests are replayed first (see `sipscript replay`), and nothing is loaded if too many are decided otherwise. With --canary\n" +
			"or --canary-source the new script gets a part of the new requests at first. It is rolled back at its first error, and when\n" +
			"more of its requests fail than of the others; otherwise it takes over after --after. `sipscript canary` shows how it does.\n" +
			"A server that watches its script (--watch) has loaded each change already: its canary needs --script.",
		Flags: append(append(clientFlags(), replayFlags()...),
			&cli.StringFlag{Name: "script", Usage: "load `FILE`, which lies beside the server's script, in its place"},
			&cli.StringFlag{Name: "canary", Usage: "at first only for `SHARE` of the new requests, such as 5%"},
			&cli.StringSliceFlag{Name: "canary-source", Usage: "at first only for requests from `CIDR`; repeatable"},
			&cli.DurationFlag{Name: "after", Usage: "have a canary take over after `TIME`", Value: 10 * time.Minute},
			&cli.BoolFlag{Name: "wait", Usage: "wait for the end of a canary, and exit with 1 if it was rolled back"}),
		Action: func(c *cli.Context) error {
			gate, _ := c.Generic("gate").(*gateRules)
			if c.Args().Present() {
				if _, err := replay.ReadRules(c.Args().First()); gate != nil && gate.given && err != nil {
					return usagef("reload takes no argument: found %q, which is no rule of --gate either: %v", c.Args().First(), err)
				}
				return usagef("%s takes no argument: found %q", c.Command.Name, c.Args().First())
			}
			canary := c.IsSet("canary") || c.IsSet("canary-source")
			if !canary && (c.IsSet("after") || c.IsSet("wait")) {
				return usagef("reload: --after and --wait go with --canary or --canary-source")
			}
			if gate != nil && !gate.given && (c.IsSet("last") || c.IsSet("replay-time")) {
				return usagef("reload: --last and --replay-time go with --gate")
			}
			client, err := newClient(c, env)
			if err != nil {
				return err
			}
			if err := passGate(c, env, client); err != nil {
				return err
			}
			if canary {
				return reloadCanary(c, env, client)
			}
			if c.String("script") != "" {
				return reloadOther(c, env, client)
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

// passGate replays the last requests, if there is a gate; its error is that it is shut.
func passGate(c *cli.Context, env environment, client *admin.Client) error {
	if gate, _ := c.Generic("gate").(*gateRules); gate == nil || !gate.given {
		return nil
	}
	r, err := newReplayed(c, env, c.String("script"))
	if err != nil {
		return err
	}
	report, err := r.run(c.Context, client.Asker(c.Context))
	if err != nil {
		return fmt.Errorf("the replay failed; the server continues as before:\n%w", err)
	}
	if err := r.show(report, false); err != nil {
		return errors.New("the reload was refused by the gate; the server continues as before")
	}
	return nil
}

// scriptPath is what the server is told to load: of a file that is here its whole path.
func scriptPath(c *cli.Context) string {
	path := c.String("script")
	if path == "" {
		return ""
	}
	if _, err := os.Stat(path); err == nil {
		if abs, err := filepath.Abs(path); err == nil {
			return abs
		}
	}
	return path
}

// reloadOther has the server load another file.
func reloadOther(c *cli.Context, env environment, client *admin.Client) error {
	text, err := json.Marshal(reloadBody{scriptPath(c)})
	if err != nil {
		return err
	}
	if text, err = client.Asker(c.Context)(http.MethodPut, scriptFilePath, bytes.NewReader(text)); err != nil {
		return fmt.Errorf("the reload was refused; the server continues as before:\n%w", err)
	}
	var a reloadAnswer
	if err := json.Unmarshal(text, &a); err != nil {
		return fmt.Errorf("the server says what cannot be read: %w", err)
	}
	fmt.Fprintf(env.stdout, "reloaded: now serving generation %d\n", a.Generation)
	return nil
}

func reloadCanary(c *cli.Context, env environment, client *admin.Client) error {
	body := canaryBody{Sources: c.StringSlice("canary-source"), After: c.Duration("after").Seconds(), Script: scriptPath(c)}
	if text := c.String("canary"); text != "" {
		share, err := readShare(text)
		if err != nil {
			return usagef("reload: --canary %s: %v", text, err)
		}
		body.Share = share
	}
	if _, err := body.trial(); err != nil {
		return usagef("reload: %v", err)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	ask := client.Asker(c.Context)
	a, err := askCanary(ask(http.MethodPost, canaryPath, bytes.NewReader(text)))
	if err != nil {
		return fmt.Errorf("the reload was refused; the server continues as before:\n%w", err)
	}
	fmt.Fprintf(env.stdout, "generation %d is on trial; it takes over after %s\n", a.Generation, c.Duration("after"))
	if !c.Bool("wait") {
		return nil
	}
	for a.State == luabind.TrialRuns {
		timer := time.NewTimer(500 * time.Millisecond)
		select {
		case <-timer.C:
		case <-c.Context.Done():
			timer.Stop()
			return c.Context.Err()
		}
		if a, err = askCanary(ask(http.MethodGet, canaryPath, nil)); err != nil {
			return err
		}
	}
	_, _ = env.stdout.Write(a.table())
	if a.State != luabind.TrialPromoted {
		return errSilent
	}
	return nil
}

func askCanary(text []byte, err error) (a canaryAnswer, _ error) {
	if err == nil {
		err = json.Unmarshal(text, &a)
	}
	return a, err
}
