package main

// sipscript trace and explain: what a running server sees, and what it remembers.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/ops/trace"
)

// filterNames are the filters of trace and explain, which the server applies.
var filterNames = [...]string{"user", "call-id", "from", "to", "method", "code", "ip", "name"}

func filterFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "user", Usage: "calls that `USER` makes or gets: of the Request-URI, From or To"},
		&cli.StringFlag{Name: "call-id", Usage: "calls whose Call-ID begins with `TEXT`"},
		&cli.StringFlag{Name: "from", Usage: "calls with `TEXT` in the URI of From"},
		&cli.StringFlag{Name: "to", Usage: "calls with `TEXT` in the URI of To"},
		&cli.StringFlag{Name: "method", Usage: "requests with `METHOD`"},
		&cli.StringFlag{Name: "code", Usage: "calls with a response of `CODE`, or of a class such as 4xx"},
		&cli.StringFlag{Name: "ip", Usage: "calls with a party at `ADDRESS`"},
		&cli.StringFlag{Name: "name", Usage: "calls that the script marked with `NAME` (sip.trace)"},
	}
}

// query are the filters as the server reads them.
func query(c *cli.Context) url.Values {
	q := url.Values{}
	for _, name := range filterNames {
		if text := c.String(name); text != "" {
			key := name
			if name == "call-id" {
				key = "call_id"
			}
			q.Set(key, text)
		}
	}
	return q
}

func traceCommand(env environment) *cli.Command {
	return &cli.Command{
		Name: "trace", Usage: "show calls of a running server as they happen", Flags: append(clientFlags(), filterFlags()...), OnUsageError: onUsageError,
		Subcommands: []*cli.Command{moduleCommand(env, "trace ", traceListCommand())},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("trace takes no argument: found %q; choose with --user, --call-id and the like", c.Args().First())
			}
			client, err := newClient(c, env)
			if err != nil {
				return err
			}
			w := trace.NewWatcher()
			err = client.Stream(c.Context, "/api/v1/trace/live?"+query(c).Encode(), func(kind, data string) error {
				if kind == "lost" {
					_, err := fmt.Fprintf(env.stdout, "(%s records were lost: the server was faster)\n", trace.Plain(data))
					return err
				}
				var e trace.Event
				if err := json.Unmarshal([]byte(data), &e); err != nil {
					return fmt.Errorf("the server says what cannot be read: %w", err)
				}
				_, err := fmt.Fprint(env.stdout, trace.Plain(w.Add(&e)))
				return err
			})
			if errors.Is(err, context.Canceled) {
				return nil
			}
			return err
		},
	}
}

func explainCommand(env environment) *cli.Command {
	flags := append(clientFlags(), filterFlags()...)
	flags = append(flags,
		&cli.BoolFlag{Name: "last-failed", Usage: "the last call that failed, instead of a CALL-ID"},
		&cli.StringFlag{Name: "pcap", Usage: "write its messages to `FILE` for Wireshark, those of TLS and WebSockets in plain text"},
		&cli.BoolFlag{Name: "spec", Usage: "print it as a spec, for `sipscript test`"},
		&cli.BoolFlag{Name: "messages", Usage: "show its messages in full"},
		&cli.BoolFlag{Name: "json", Usage: "print it as JSON"})
	return &cli.Command{
		Name: "explain", Usage: "tell what became of a call, and why", ArgsUsage: "[CALL-ID]", Flags: flags, OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			if c.Args().Len() > 1 {
				return usagef("explain takes one CALL-ID: found %q after %q", c.Args().Get(1), c.Args().First())
			}
			client, err := newClient(c, env)
			if err != nil {
				return err
			}
			ask := client.Asker(c.Context)
			id := c.Args().First()
			if id == "" {
				if id, err = lastCall(c, ask); err != nil {
					return err
				}
			}
			text, err := ask("GET", "/api/v1/trace/calls/"+url.PathEscape(id), nil)
			if err != nil {
				return err
			}
			return explain(c, env, text)
		},
	}
}

// lastCall is the Call-ID of the last call that the filters choose.
func lastCall(c *cli.Context, ask func(method, path string, body io.Reader) ([]byte, error)) (string, error) {
	q := query(c)
	if c.Bool("last-failed") {
		q.Set("state", "failed")
	}
	if len(q) == 0 {
		return "", usagef("name a call by its CALL-ID, with --last-failed, or with filters such as --user")
	}
	q.Set("limit", "1")
	text, err := ask("GET", "/api/v1/trace/calls?"+q.Encode(), nil)
	if err != nil {
		return "", err
	}
	var list []trace.Summary
	if err := json.Unmarshal(text, &list); err != nil {
		return "", fmt.Errorf("the server says what cannot be read: %w", err)
	}
	if len(list) == 0 {
		return "", errors.New("the server remembers no such call")
	}
	return list[0].ID, nil
}

// explain shows the call in the way that is asked for.
func explain(c *cli.Context, env environment, text []byte) (err error) {
	var call trace.Call
	if err := json.Unmarshal(text, &call); err != nil {
		return fmt.Errorf("the server says what cannot be read: %w", err)
	}
	if path := c.String("pcap"); path != "" {
		// Only the operator may read who called whom
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, os.ErrExist) {
			return fmt.Errorf("--pcap %s: there is such a file already, and it is not written over", path)
		}
		if err != nil {
			return err
		}
		err = trace.WritePcap(f, &call)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	switch {
	case c.Bool("spec"):
		return trace.WriteSpec(env.stdout, &call)
	case c.Bool("json"):
		_, err = env.stdout.Write(host.PrintableJSON(text))
		return err
	}
	if _, err = fmt.Fprintf(env.stdout, "%s\n%s", trace.Plain(call.Tell()), trace.Plain(call.Ladder())); err != nil || !c.Bool("messages") {
		return err
	}
	for i := range call.Events {
		if e := &call.Events[i]; e.Text != "" {
			if _, err = fmt.Fprintf(env.stdout, "\n%s %s %s by %s:\n%s", e.At, e.Kind, e.Peer, e.Transport, trace.Plain(e.Text)); err != nil {
				return err
			}
		}
	}
	return nil
}
