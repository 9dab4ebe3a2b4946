package main

// How commands reach a running server at its --admin address, and sipscript status.

import (
	"crypto/x509"
	"encoding/json"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/ops/admin"
)

// statusCommand prints what the server says: programs read it, with and without --json.
func statusCommand() host.Command {
	return host.Command{Name: "status", Usage: "show the state of a running server, as JSON", Remote: true, Flags: host.ShowFlags(), Run: func(c *host.Invocation) error {
		if err := noArgs(c); err != nil {
			return err
		}
		return host.Show(c, "/status", func(a *map[string]any) host.View {
			text, _ := json.MarshalIndent(a, "", "  ")
			delete(*a, "uptime_seconds")
			essence, _ := json.Marshal(a)
			return host.View{Table: append(host.PrintableJSON(text), '\n'), Essence: essence}
		})
	}}
}

func clientFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "admin", Usage: "the server's --admin `HOST:PORT`, or https://HOST:PORT", DefaultText: "$SIPSCRIPT_ADMIN"},
		&cli.StringFlag{Name: "admin-token-file", Usage: "show the token in `FILE`", DefaultText: "$SIPSCRIPT_ADMIN_TOKEN"},
		&cli.StringFlag{Name: "admin-ca", Usage: "trust the server if an authority in the PEM `FILE` issued its certificate", DefaultText: "$SIPSCRIPT_ADMIN_CA"},
		&cli.DurationFlag{Name: "timeout", Usage: "wait at most `TIME` for the answer", Value: 70 * time.Second},
	}
}

// given is where a flag of clientFlags was set: the command, or the one that it is a part of, as in
// `sipscript canary --admin HOST:PORT promote`.
func given(c *cli.Context, flag string) *cli.Context {
	for _, x := range c.Lineage() {
		if x.IsSet(flag) {
			return x
		}
	}
	return c
}

func newClient(c *cli.Context, env environment) (*admin.Client, error) {
	addr := given(c, "admin").String("admin")
	if addr == "" {
		addr, _ = env.lookup(variable("admin"))
	}
	if addr == "" {
		return nil, usagef("name the server with --admin HOST:PORT, as given to its `sipscript run --admin`")
	}
	bare := strings.TrimPrefix(strings.TrimPrefix(addr, "http://"), "https://")
	if err := checkHostPort(strings.TrimSuffix(bare, "/")); err != nil {
		return nil, usagef("--admin %s: %v", addr, err)
	}
	client := &admin.Client{Addr: strings.TrimSuffix(addr, "/"), Timeout: given(c, "timeout").Duration("timeout")}
	var err error
	if client.Token, err = readToken(c, env); err != nil {
		return nil, err
	}
	client.Roots, err = readRoots(c, env)
	return client, err
}

// readToken is the token that a command shows, "" for none. It is not taken from a flag, which
// others on the machine could read.
func readToken(c *cli.Context, env environment) (string, error) {
	path := given(c, "admin-token-file").String("admin-token-file")
	if path == "" {
		token, _ := env.lookup(variable("admin-token"))
		return strings.TrimSpace(token), nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", usagef("--admin-token-file: %v", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// readRoots are the authorities that vouch for the server, nil for those of the system.
func readRoots(c *cli.Context, env environment) (*x509.CertPool, error) {
	path := given(c, "admin-ca").String("admin-ca")
	if path == "" {
		path, _ = env.lookup(variable("admin-ca"))
	}
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usagef("--admin-ca: %v", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, usagef("--admin-ca %s: there is no PEM certificate in it", path)
	}
	return roots, nil
}
