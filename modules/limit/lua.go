package limit

// This file is the module "limit" of scripts. It only translates; README.md describes what scripts
// see.

import (
	"cmp"
	"context"
	"net/netip"
	"time"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/source"
)

// EventBanned is the event of a ban.
const EventBanned = "limit.banned"

// Event is a ban that began.
type Event struct {
	IP  netip.Addr // who is banned
	Why string     // WhyFlood or WhyScanner
}

// Doc describes the module.
func (*Limit) Doc() string { return "How often something may happen, floods, and scanners." }

// Name is "limit".
func (*Limit) Name() string { return "limit" }

// Open creates the module of one script generation.
func (l *Limit) Open(h *luabind.Host) (luabind.Module, error) {
	m := &module{l: l, host: h, policy: &policy{}}
	m.hears.Hear = func(e Event) { m.host.Emit(EventBanned, e.IP.String(), e.Why) }
	return m, nil
}

// module is limit within one script generation. All of it is written while the file loads.
type module struct {
	l      *Limit
	host   *luabind.Host
	hears  luabind.Listener[Event]
	agreed luabind.Agreed[options]
	said   source.Said
	policy *policy
	list   *source.List[*scanners] // nil: the shipped one, or none
}

// Settle checks the names of lists.
func (m *module) Settle() error { return m.l.checkLists(&m.policy.Policy) }

// Activate puts the policy into force.
func (m *module) Activate() error {
	m.l.serve(m.policy)
	m.l.script.Listen(&m.hears)
	if m.policy.Shared && m.l.shared == nil {
		m.host.Log().Warn("limit: shared needs --redis; this process counts alone")
	}
	return nil
}

// Close closes the list of scanners.
func (m *module) Close() error {
	m.l.script.Leave(&m.hears)
	return m.list.Close()
}

// options are those of configure.
type options struct {
	Flood    *floodOptions       `lua:"flood,reloadable" doc:"what one source may send, an address or a /64 of IPv6, before it is looked at"`
	Total    *totalOptions       `lua:"total,reloadable" doc:"what all sources may send"`
	Scanners luabind.FuncOrValue `lua:"scanners,reloadable" default:"the shipped list if flood is given" doc:"the source of what gives scanners away, as agent:PATTERN, from:PATTERN, user:PATTERN or method:NAME; true: the shipped list; false: none"`
	Shared   bool                `lua:"shared,reloadable" default:"false" doc:"rate and window count what all nodes with the same --redis count"`
}

type floodOptions struct {
	Requests int            `lua:"requests,required" min:"1" max:"1000000" doc:"how many one source may send in each per"`
	Per      time.Duration  `lua:"per" min:"0.1" max:"3600" default:"1" doc:"seconds"`
	Ban      *time.Duration `lua:"ban" min:"0" max:"604800" default:"300" doc:"seconds for which a source that sends more is not heard; 0: only what is too much is dropped"`
	Except   []string       `lua:"except" default:"{}" doc:"lists of acl whose senders are not counted"`
}

type totalOptions struct {
	CallsPerSecond float64 `lua:"calls_per_second,required" min:"0.1" max:"1000000" doc:"new INVITEs; beyond them 503 with Retry-After"`
}

// rateOptions are those of rate.
type rateOptions struct {
	Burst int `lua:"burst" min:"1" max:"1000000000" default:"n" doc:"how many may come at once"`
}

// answer is what rate and window return.
type answer struct {
	ok    bool
	retry time.Duration
}

var answerReturned = luabind.ReturnsOf(func(c *luabind.Call, a answer) int {
	c.PushBool(a.ok)
	if a.ok {
		c.PushNil()
	} else {
		c.PushSeconds(a.retry)
	}
	return 2
}, luabind.Result{Type: luabind.Boolean, Doc: "whether it may happen"},
	luabind.Result{Name: "retry_after", Type: luabind.Seconds, OrNil: true, Doc: "if not: after how long it may; else nil"})

// Functions of the module.
func (m *module) Functions() []luabind.Function {
	key, n := luabind.TextArg("key", "what is counted: any text"), luabind.NumberArg("n", "how often")
	per := luabind.SecondsArg("per", "")
	return []luabind.Function{
		luabind.Do1(luabind.Function{Name: "configure", Where: luabind.AtLoad, Doc: "Bounds what sources may send, once, while the file loads.",
			Raises:  "if the list of scanners can't be read, or except names a list that acl does not have",
			Example: `limit.configure({ flood = { requests = 100, per = 2, ban = 600 }, total = { calls_per_second = 200 } })`},
			luabind.RequiredOptionsArg("options", options{}), m.configure),
		luabind.Func4(luabind.Function{Name: "rate", Where: luabind.InHandler,
			Doc:     "Takes a token from the bucket of a key, which gets n tokens in each per, evenly, and holds burst.",
			Raises:  "if n is not above 0, or per not from a millisecond to a year",
			Example: "local ok, retry = limit.rate(\"calls:\" .. req.from.uri.user, 10, 60, { burst = 3 })\nif retry then req:reply(503, { headers = { [\"Retry-After\"] = math.ceil(retry) } }) end"},
			key, n, per, luabind.OptionsArg(rateOptions{}), answerReturned, func(c *luabind.Call, key string, n float64, per time.Duration, o rateOptions) (a answer) {
				if err := check(n, per); err != nil {
					c.Raise("%v", err)
				}
				a.ok, a.retry = m.l.Rate(key, n, per, o.Burst)
				return a
			}),
		luabind.Func3(luabind.Function{Name: "window", Where: luabind.InHandler,
			Doc:     "Counts one in the window of a key, which lasts per and begins with the first, unless there are n already.",
			Raises:  "if n is not above 0, or per not from a millisecond to a year",
			Example: `if not limit.window("minutes:" .. req.from.uri.user, 1000, 86400) then req:reply(403) end`},
			key, n, per, answerReturned, func(c *luabind.Call, key string, n float64, per time.Duration) (a answer) {
				if err := check(n, per); err != nil {
					c.Raise("%v", err)
				}
				a.ok, a.retry = m.l.Window(key, int(n), per)
				return a
			}),
		luabind.Func1(luabind.Function{Name: "unban", Where: luabind.InHandler, Doc: "Hears a source again.", Example: `limit.unban("203.0.113.9")`},
			luabind.TextArg("ip", "an address"), luabind.ReturnsBool("whether it was banned"), func(_ *luabind.Call, ip string) bool {
				a, err := netip.ParseAddr(ip)
				return err == nil && m.l.Unban(a)
			}),
		luabind.Try0(luabind.Function{Name: "reload", Waits: true, Where: luabind.InHandler, Doc: "Reads the list of scanners again.", Example: `limit.reload()`},
			luabind.ReturnsBool("true, or nil and why it can't be read: it stays as it was"), func(c *luabind.Call) (ok bool, err error) {
				switch {
				case m.list == nil:
				case m.said.IsFunction():
					err = m.list.Reload(m.said.Context(c))
				default:
					c.Await(func(ctx context.Context) { err = m.list.Reload(ctx) })
				}
				return err == nil, err
			}),
	}
}

// Events of the module.
func (m *module) Events() []luabind.Event {
	return []luabind.Event{{Name: EventBanned, Params: []luabind.Param{{Name: "ip", Type: luabind.String, Doc: "of IPv6 the first address of its /64"},
		{Name: "why", Type: luabind.String, Doc: "flood or scanner"}}, Doc: "A source is not heard for a while."}}
}

func (m *module) configure(c *luabind.Call, o options) {
	scanners := o.Scanners
	o.Scanners = luabind.FuncOrValue{}
	first, err := m.agreed.Say(c.VM(), o)
	if err != nil {
		c.Raise("what it is given %v", err)
	}
	var p Policy
	if f := o.Flood; f != nil {
		p.Flood = &Flood{Requests: f.Requests, Per: cmp.Or(f.Per, time.Second), Ban: defaultBan, Except: f.Except}
		if f.Ban != nil {
			p.Flood.Ban = *f.Ban
		}
	}
	if o.Total != nil {
		p.Total = &Total{CallsPerSecond: o.Total.CallsPerSecond}
	}
	p.Shared = o.Shared
	if err := p.Check(); err != nil {
		c.Raise("%v", err)
	}
	if first {
		m.policy = newPolicy(p)
	}
	if err := m.setScanners(c, scanners, first); err != nil {
		c.Raise("scanners: %v", err)
	}
}

func (m *module) setScanners(c *luabind.Call, o luabind.FuncOrValue, first bool) error {
	switch {
	case o.Value == false, !o.Given() && m.policy.Flood == nil:
		return nil
	case o.Value == true, !o.Given():
		s, err := shippedScanners()
		m.policy.scanners = func() *scanners { return s }
		return err
	}
	spec, _, err := m.said.Say(c, o, m.l.o.Clients.IsDatabase)
	if err != nil || !first {
		return err
	}
	m.list, err = source.Open(m.said.Context(c), spec, source.Options[pattern, *scanners]{Name: "limit.scanners", Build: newScanners,
		Clients: m.l.o.Clients, Keep: m.l.o.Data, Log: m.l.o.Log, Query: "SELECT pattern, note FROM limit_scanners"})
	if err != nil {
		m.list = nil
		return err
	}
	m.policy.scanners = m.list.Get
	return nil
}

// newClients is a pool for a Limit that was given none.
func newClients() *clients.Pool { return clients.New(clients.Options{}) }
