package main

// The flags of `sipscript run`: names, defaults and help. settings.go checks how they fit together.

import (
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/modules/all"
	"github.com/sipscript/sipscript/modules/host"
)

const (
	defaultBudget        = 200 * time.Millisecond
	defaultLoadBudget    = 30 * time.Second
	defaultMemory        = "64MiB"
	defaultDrain         = 32 * time.Second
	defaultRouteLifetime = 24 * time.Hour
)

// defaultListen is where a server listens by default: only on loopback, so that nothing is open by
// accident.
func defaultListen() []string { return []string{"udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"} }

func runFlags() []cli.Flag {
	flags := []cli.Flag{
		&cli.StringSliceFlag{Name: "listen", Aliases: []string{"l"}, Usage: "listen on `PROTO:HOST:PORT`; repeatable; PROTO is udp, tcp, tls, ws or wss, or stun, turn or turns; port 0 picks a free port and prints it",
			DefaultText: "udp:127.0.0.1:5060 and tcp:127.0.0.1:5060"},
		&cli.StringSliceFlag{Name: "advertise", Usage: "tell peers another address for a listener: `PROTO:HOST:PORT=PUBLIC_HOST[:PORT]`; PUBLIC_HOST alone is for all listeners of SIP, with the port of each; repeatable"},
		&cli.StringSliceFlag{Name: "trust-via", Usage: "send responses to the maddr of the Via for requests from `CIDR`; repeatable; for others, only if it is a multicast group or the sender's own address"},
		&cli.StringSliceFlag{Name: "domain", Aliases: []string{"d"}, Usage: "make `NAME` a local domain (sip.is_local); repeatable; the listen addresses are always local"},
		&cli.StringSliceFlag{Name: "tls-cert", Usage: "present the PEM certificate `FILE`, with its chain; repeatable, with one --tls-key each; chosen by the name the client asks for"},
		&cli.StringSliceFlag{Name: "tls-key", Usage: "the PEM key `FILE` for a --tls-cert, in the same order"},
		&cli.StringFlag{Name: "tls-client-ca", Usage: "accept only clients whose certificate was issued by an authority in the PEM `FILE` (mutual TLS)"},
		&cli.StringFlag{Name: "tls-client-auth", Usage: "with --tls-client-ca: `required` or optional; optional accepts clients without a certificate, but not those with a bad one", DefaultText: "required"},
		&cli.StringFlag{Name: "data", Usage: "keep registrations in `DIR` (SQLite), so that they survive a restart; by default they are kept in memory"},
		&cli.StringSliceFlag{Name: "dns", Usage: "resolve names through the DNS server `IP[:PORT]`; repeatable", DefaultText: "those of /etc/resolv.conf"},
		&cli.StringFlag{Name: "tls-ca", Usage: "trust servers we connect to over TLS if an authority in the PEM `FILE` issued their certificate", DefaultText: "those of the system"},
		&cli.StringFlag{Name: "db", Usage: "the database at `URL` (sqlite:PATH, postgres://…, mysql://…) is what scripts call \"db:\": sql.open(), auth.users(\"db:\"), lists"},
		&cli.StringFlag{Name: "redis", Usage: "share registrations, and dictionaries with redis = true, with other servers through the Redis server at `URL` (redis://host:6379/0); they must share --secret too"},
		&cli.StringFlag{Name: "secret", Usage: "read the key for route signatures, nonces and flow tokens from `FILE`; the nodes of a cluster share it", DefaultText: "DIR/secret of --data, created at the first start"},
		&cli.StringFlag{Name: "admin", Usage: "serve HTTP on `HOST:PORT`: /metrics /healthz /readyz /reload /status (off unless given)"},
		&cli.StringSliceFlag{Name: "admin-host", Usage: "let --admin also answer to the name `HOST`; repeatable", DefaultText: "loopback names and its address"},
		&cli.StringFlag{Name: "admin-tokens", Usage: "ask callers of --admin from elsewhere for a token of `FILE`, made by sipscript token"},
		&cli.StringFlag{Name: "admin-tls-cert", Usage: "serve --admin over TLS with the PEM certificate `FILE`"},
		&cli.StringFlag{Name: "admin-tls-key", Usage: "the PEM key `FILE` for --admin-tls-cert"},
		&cli.BoolFlag{Name: "watch", Usage: "reload when the script or a file it requires changes", DefaultText: "on"},
		&cli.BoolFlag{Name: "no-watch", Usage: "reload only on request (SIGHUP, sipscript reload)"},
		&cli.StringSliceFlag{Name: "set", Usage: "set sip.args.KEY with `KEY=VALUE`; repeatable"},
		&cli.IntFlag{Name: "lanes", Usage: "distribute calls over `N` lanes", DefaultText: "one for each CPU"},
		&cli.StringFlag{Name: "log-level", Usage: "log from `LEVEL` up: debug, info, warn or error", Value: "info"},
		&cli.StringFlag{Name: "log-format", Usage: "write the log as `FORMAT`: text or json", Value: "text"},
		&cli.BoolFlag{Name: "no-call-log", Usage: "do not write a line for each call"},
		&cli.DurationFlag{Name: "script-budget", Usage: "stop a script that runs for `TIME` without waiting", Value: defaultBudget},
		&cli.StringFlag{Name: "script-memory", Value: defaultMemory,
			Usage: "let a script hold `SIZE` on each lane beyond what its file loads; a handler that takes more gets an error"},
		&cli.DurationFlag{Name: "load-budget", Usage: "refuse a script that takes `TIME` to load, including the files it requires", Value: defaultLoadBudget},
		&cli.DurationFlag{Name: "route-lifetime", Usage: "accept requests within a call for `TIME` after it began; a minute or more", Value: defaultRouteLifetime},
		&cli.DurationFlag{Name: "drain", Usage: "give transactions at most `TIME` to finish after SIGINT or SIGTERM", Value: defaultDrain},
		&cli.DurationFlag{Name: "drain-calls", DefaultText: "0s",
			Usage: "before that, wait at most `TIME` for calls in progress to end; new calls are refused"},
		&cli.DurationFlag{Name: "max-delay", Usage: "refuse new calls (503) when messages wait for `TIME`, to protect calls in progress; 0: never", DefaultText: "100ms"},
		&cli.StringFlag{Name: "ring", Value: defaultRing, Usage: "remember the last calls in `SIZE` of memory, for `sipscript explain` and trace; 0: none"},
		&cli.StringFlag{Name: "hep", Usage: "send all messages to the capture server (Homer) at `udp:HOST:PORT`, or by tcp: or tls:, as HEP version 3"},
		&cli.Uint64Flag{Name: "hep-id", Usage: "be `NUMBER` to the capture server of --hep", DefaultText: "0"},
		&cli.StringFlag{Name: "otlp", Usage: "tell the OpenTelemetry collector at `URL` of each call as a span, by OTLP over HTTP: http://127.0.0.1:4318"},
		&cli.StringFlag{Name: "config", Usage: "read the same settings from `FILE` (YAML); flags override SIPSCRIPT_* variables, which override the file"},
	}
	for _, d := range all.Dialects() {
		flags = append(flags, &cli.StringFlag{Name: d.Name, Usage: d.Usage})
	}
	flags = append(flags, cliFlags(moduleFlags())...)
	return flags
}

// keys are the flags that exist as SIPSCRIPT_* variables and as keys of the configuration file, and
// "script", which on the command line is the argument.
func keys() []string {
	list := []string{"script", "listen", "advertise", "trust-via", "domain", "data", "db", "redis", "tls-cert", "tls-key", "tls-client-ca", "tls-client-auth", "tls-ca", "dns", "secret", "admin", "admin-host", "admin-tokens", "admin-tls-cert", "admin-tls-key", "watch", "no-watch", "set", "lanes", "log-level", "log-format", "no-call-log", "script-budget", "load-budget", "script-memory", "route-lifetime", "drain", "drain-calls", "max-delay", "ring", "hep", "hep-id", "otlp"}
	for _, f := range moduleFlags() {
		list = append(list, f.Name)
	}
	for _, d := range all.Dialects() {
		list = append(list, d.Name)
	}
	return list
}

// manyValued are the keys that may have more than one value.
func manyValued(key string) bool {
	for _, f := range moduleFlags() {
		if f.Name == key {
			return f.Kind == host.List
		}
	}
	return key == "listen" || key == "advertise" || key == "trust-via" || key == "domain" || key == "set" || key == "dns" || key == "admin-host" || key == "tls-cert" || key == "tls-key"
}
