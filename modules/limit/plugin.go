package limit

// The module in the command: its flags, its commands, its admin API, and its figures.

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/clients/redis"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/trust"
	"github.com/sipscript/sipscript/ops/openapi"
)

// Plugin is the module "limit".
func Plugin() host.Plugin {
	return host.Plugin{Name: "limit", Commands: []host.Command{bansCommand()}, New: func(env *host.Environment) (luabind.Opener, error) {
		o := Options{Log: env.Log, AtOnce: env.Simulated(), Clients: env.Clients, Data: env.Data, Lists: func() trust.Lists { return host.Find[trust.Lists](env) }}
		if env.Redis != "" {
			share, err := OpenRedis(env.Clients, string(env.Redis))
			if err != nil {
				return nil, env.Redis.Explain("redis", err)
			}
			o.Share = share
			if env.Simulated() { // whose Redis takes no commands on a connection that subscribes
				return New(o), nil
			}
			if o.Redis, err = redis.Open(env.Clients, string(env.Redis), 0); err != nil {
				return nil, env.Redis.Explain("redis", err)
			}
		}
		return New(o), nil
	}}
}

// API is what a running server tells of its bans, and how they end.
func (l *Limit) API() []openapi.Operation {
	return []openapi.Operation{
		{Method: "GET", Path: "/bans", Summary: "list who is not heard, why and for how long", Answer: bansJSON{}, Serve: l.answerBans},
		{Method: "DELETE", Path: "/bans", Summary: "hear a source again", Answer: sourceJSON{}, Fails: []int{400, 404}, Serve: l.answerUnban,
			Query: []openapi.Param{{Name: "ip", Required: true, Doc: "an address"}}},
	}
}

func (l *Limit) answerBans(w http.ResponseWriter, _ *http.Request) {
	list := []banJSON{}
	for _, b := range l.Bans() {
		source := b.Source.String()
		if b.Source.IsSingleIP() {
			source = b.Source.Addr().String()
		}
		list = append(list, banJSON{source, b.Why, b.Since.UTC(), b.Left.Seconds(), b.Drops})
	}
	host.Answer(w, http.StatusOK, bansJSON{list})
}

func (l *Limit) answerUnban(w http.ResponseWriter, r *http.Request) {
	text := r.URL.Query().Get("ip")
	a, err := netip.ParseAddr(text)
	if p, bad := netip.ParsePrefix(text); err != nil && bad == nil {
		a, err = p.Addr(), nil
	}
	switch {
	case err != nil:
		host.Refuse(w, http.StatusBadRequest, errors.New("expected ?ip= with an address"))
	case !l.Unban(a):
		host.Refuse(w, http.StatusNotFound, errors.New(text+" is not banned"))
	default:
		host.Answer(w, http.StatusOK, sourceJSON{text})
	}
}

// bansJSON are the bans.
type bansJSON struct {
	Bans []banJSON `json:"bans"`
}

// sourceJSON is one that is heard again.
type sourceJSON struct {
	Source string `json:"source"`
}

// banJSON is a ban as it is shown.
type banJSON struct {
	Source string    `json:"source"`
	Why    string    `json:"why"`
	Since  time.Time `json:"since"`
	Left   float64   `json:"left_seconds"`
	Drops  uint64    `json:"dropped"`
}

func bansCommand() host.Command {
	show := host.ShowFlags()
	return host.Command{Name: "bans", Usage: "show and end the bans of a running server", Remote: true, Flags: show, Sub: []host.Command{
		{Name: "list", Usage: "show who is not heard, why and for how long", Remote: true, Flags: show, Run: showBans},
		{Name: "remove", Usage: "hear a source again", Args: "ADDRESS", Remote: true, Run: func(c *host.Invocation) error {
			if len(c.Args) != 1 {
				return host.Usagef("%s: expected one address", c.Command)
			}
			_, err := c.Ask(http.MethodDelete, "/api/v1/limit/bans?ip="+url.QueryEscape(c.Args[0]), nil)
			return err
		}},
	}, Run: func(c *host.Invocation) error { return c.Alone(showBans, "list", "remove") }}
}

func showBans(c *host.Invocation) error {
	if len(c.Args) > 0 {
		return host.Usagef("%s takes no argument: found %q", c.Command, c.Args[0])
	}
	return host.Show(c, "/api/v1/limit/bans", func(a *struct{ Bans []banJSON }) host.View {
		rows, essence := [][]string{{"SOURCE", "WHY", "SINCE", "LEFT", "DROPPED"}}, []byte{}
		for _, b := range a.Bans {
			left := time.Duration(b.Left * float64(time.Second)).Round(time.Second).String()
			rows = append(rows, []string{b.Source, b.Why, b.Since.Format(time.RFC3339), left, strconv.FormatUint(b.Drops, 10)})
			essence = fmt.Appendln(essence, b.Source, b.Why, b.Since)
		}
		return host.View{Table: host.Table(rows...), Essence: essence}
	})
}

// Metrics of the limits.
func (l *Limit) Metrics() []luabind.Metric {
	counter := func(name, help string, labels map[string]string, get func() uint64) luabind.Metric {
		return luabind.Metric{Name: name, Help: help, Kind: luabind.Counter, Labels: labels, Value: func() float64 { return float64(get()) }}
	}
	gauge := func(name, help string, get func() float64) luabind.Metric {
		return luabind.Metric{Name: name, Help: help, Kind: luabind.Gauge, Value: get}
	}
	const checks, helpChecks = "limit_checks_total", "Calls of limit.rate and limit.window, by outcome."
	list := []luabind.Metric{
		counter(checks, helpChecks, map[string]string{"outcome": "ok"}, l.passed.Load),
		counter(checks, helpChecks, map[string]string{"outcome": "refused"}, l.refused.Load),
		counter("limit_flooded_total", "Messages beyond what one source may send.", nil, l.flooded.Load),
		counter("limit_calls_refused_total", "Calls beyond what all may make.", nil, l.total.Load),
		gauge("limit_bans", "Sources that are not heard.", func() float64 { return float64(len(l.Bans())) }),
		gauge("limit_keys", "Keys that are counted.", func() float64 { return float64(l.keys.Len()) }),
		counter("limit_keys_lost_total", "Keys that were forgotten although they mattered.", nil, l.keys.Lost),
	}
	if l.together != nil {
		list = append(list, l.together.Metrics("limit_bans_shared")...)
	}
	if s := l.shared; s != nil {
		list = append(list, counter("limit_shared_total", "Keys whose counts other nodes were told.", nil, s.synced.Load),
			counter("limit_unshared_total", "Keys whose counts other nodes could not be told.", nil, s.overflow.Load),
			gauge("limit_away_seconds", "For how long what is counted can't be shared, 0 while it can.", func() float64 {
				if since := s.away.Load(); since != 0 {
					return time.Since(time.Unix(0, since)).Seconds()
				}
				return 0
			}))
	}
	return list
}
