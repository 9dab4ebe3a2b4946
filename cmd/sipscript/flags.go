package main

// The flags of `sipscript run`: names, defaults and help. What they mean together is in settings.go.

import (
	"time"

	"github.com/urfave/cli/v2"
)

const (
	defaultBudget        = 200 * time.Millisecond
	defaultLoadBudget    = 30 * time.Second
	defaultMemory        = "64MiB"
	defaultDrain         = 32 * time.Second
	defaultRouteLifetime = 24 * time.Hour
)

// defaultListen is where a server listens that was not told: on loopback only, so that nothing is open by accident.
func defaultListen() []string { return []string{"udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"} }

// laterFlags are flags whose names are settled and whose work is still to come: given, they are refused with a line
// that says so, rather than taken for a typing mistake.
func laterFlags() []string {
	return []string{"db"}
}

func runFlags() []cli.Flag {
	flags := []cli.Flag{
		&cli.StringSliceFlag{Name: "listen", Aliases: []string{"l"}, Usage: "listen at `PROTO:HOST:PORT`; repeatable; PROTO udp, tcp, tls, ws or wss; port 0 picks one and prints it",
			DefaultText: "udp:127.0.0.1:5060 and tcp:127.0.0.1:5060"},
		&cli.StringSliceFlag{Name: "advertise", Usage: "tell peers another address for a listener: `PROTO:HOST:PORT=PUBLIC_HOST[:PORT]`; repeatable"},
		&cli.StringSliceFlag{Name: "trust-via", Usage: "let requests from the addresses of `CIDR` have their responses sent to the maddr of their Via; repeatable; from others only to a multicast group or the sender's own address"},
		&cli.StringSliceFlag{Name: "domain", Aliases: []string{"d"}, Usage: "a local domain `NAME` (sip.is_local); repeatable; the listen addresses are local by themselves"},
		&cli.StringSliceFlag{Name: "tls-cert", Usage: "prove who we are with the PEM certificate `FILE` (its chain too); repeatable, one --tls-key each: the name a client asks for chooses"},
		&cli.StringSliceFlag{Name: "tls-key", Usage: "the PEM key `FILE` of a --tls-cert, in the same order"},
		&cli.StringFlag{Name: "tls-client-ca", Usage: "let only clients in whose certificate an authority in the PEM `FILE` vouches for (mutual TLS)"},
		&cli.StringFlag{Name: "tls-client-auth", Usage: "with --tls-client-ca: `required`, or optional: clients without a certificate are let in, those with a bad one are not", DefaultText: "required"},
		&cli.StringFlag{Name: "data", Usage: "keep what registered in `DIR` (SQLite), so that it survives a restart; without it, it is kept in memory"},
		&cli.StringSliceFlag{Name: "dns", Usage: "look names up at the DNS server `IP[:PORT]`; repeatable", DefaultText: "those of /etc/resolv.conf"},
		&cli.StringFlag{Name: "tls-ca", Usage: "believe servers we connect to over TLS whose certificate an authority in the PEM `FILE` vouches for", DefaultText: "those of the system"},
		&cli.StringFlag{Name: "redis", Usage: "share what registered with other servers through the Redis server at `URL` (redis://host:6379/0); they share --secret, too"},
		&cli.StringFlag{Name: "secret", Usage: "read the key for route signatures, nonces and flow tokens from `FILE`; shared by the nodes of a cluster", DefaultText: "DIR/secret of --data, made at the first start"},
		&cli.StringFlag{Name: "admin", Usage: "serve HTTP at `HOST:PORT`: /metrics /healthz /readyz /reload /status (off unless given)"},
		&cli.StringSliceFlag{Name: "admin-host", Usage: "let --admin answer to the name `HOST` as well; repeatable", DefaultText: "loopback names and its address"},
		&cli.BoolFlag{Name: "watch", Usage: "reload when the script or a file it requires changes", DefaultText: "on"},
		&cli.BoolFlag{Name: "no-watch", Usage: "reload only when told to (SIGHUP, sipscript reload)"},
		&cli.StringSliceFlag{Name: "set", Usage: "set sip.args.KEY: `KEY=VALUE`; repeatable"},
		&cli.IntFlag{Name: "lanes", Usage: "spread the calls over `N` lanes", DefaultText: "one for each CPU"},
		&cli.StringFlag{Name: "log-level", Usage: "`LEVEL`: debug, info, warn or error", Value: "info"},
		&cli.StringFlag{Name: "log-format", Usage: "`FORMAT`: text or json", Value: "text"},
		&cli.DurationFlag{Name: "script-budget", Usage: "stop a script that holds its lane for `TIME` between two waits", Value: defaultBudget},
		&cli.StringFlag{Name: "script-memory", Value: defaultMemory,
			Usage: "let a script hold `SIZE` on each lane, beyond what its file loads; a handler that takes more gets an error"},
		&cli.DurationFlag{Name: "load-budget", Usage: "refuse a script whose file, with what it requires, runs for `TIME` when it is loaded", Value: defaultLoadBudget},
		&cli.DurationFlag{Name: "route-lifetime", Usage: "let the requests of a call pass for `TIME` after it began, a minute or more", Value: defaultRouteLifetime},
		&cli.DurationFlag{Name: "drain", Usage: "let transactions finish for at most `TIME` after SIGINT or SIGTERM", Value: defaultDrain},
		&cli.DurationFlag{Name: "drain-calls", DefaultText: "0s",
			Usage: "stay for at most `TIME` before that while calls are in progress; new ones are refused"},
		&cli.DurationFlag{Name: "max-delay", Usage: "refuse new calls (503) as messages come to wait for `TIME`, so that calls in progress go on; 0: never", DefaultText: "100ms"},
		&cli.StringFlag{Name: "config", Usage: "read the same keys from `FILE` (YAML); flags win over SIPSCRIPT_* variables, these over the file"},
	}
	for _, name := range laterFlags() {
		flags = append(flags, &cli.StringFlag{Name: name, Hidden: true})
	}
	return flags
}

// keys are the flags that a SIPSCRIPT_* variable and a key of the configuration file stand for as well, and "script",
// which on the command line is the argument.
func keys() []string {
	all := []string{"script", "listen", "advertise", "trust-via", "domain", "data", "redis", "tls-cert", "tls-key", "tls-client-ca", "tls-client-auth", "tls-ca", "dns", "secret", "admin", "admin-host", "watch", "no-watch", "set", "lanes", "log-level", "log-format", "script-budget", "load-budget", "script-memory", "route-lifetime", "drain", "drain-calls", "max-delay"}
	return append(all, laterFlags()...)
}

// manyValued are the keys that may have more than one value.
func manyValued(key string) bool {
	return key == "listen" || key == "advertise" || key == "trust-via" || key == "domain" || key == "set" || key == "dns" || key == "admin-host" || key == "tls-cert" || key == "tls-key"
}
