package engine

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/resolver"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// Why a call failed without a word of a user agent.
const (
	CauseTimeout     = proxy.CauseTimeout
	CauseUnreachable = proxy.CauseUnreachable
	CauseCancelled   = proxy.CauseCancelled
	CauseEmpty       = proxy.CauseEmpty
	CauseShutdown    = proxy.CauseShutdown
	CauseFull        = proxy.CauseFull
)

// Orders in which the targets of a fork are tried.
const (
	Parallel = proxy.Parallel // all at once
	Serial   = proxy.Serial   // one after the other
	// Those of equal q at once, groups one after the other, the highest first
	ByQ = proxy.ByQ
)

// Router decides what happens to each new request.
type Router interface {
	// Route runs on the request's lane and must not block it: whatever waits goes through the
	// request ([Request.Fork], [Await], [Request.Sleep]), which lends the lane to other calls. It
	// takes at most one decision (Reply, Redirect, Relay, Forward, Drop). If it returns without
	// one, then after a Fork the best response is sent; otherwise, and on an error before a
	// decision, the request is answered 500. req may be used until Route and the callbacks in its
	// Options have returned. A router that goes on later says so ([Request.Later]).
	Route(req *Request) error
}

// Interceptor sees each new request before the Router does, for those that are none of its
// business: the refresh of a subscription that a module answers, or a GRUU within a dialog.
type Interceptor interface {
	// Intercept runs like Route, under the same rules. taken: the request must not be routed; err
	// is why it could not be served.
	Intercept(req *Request) (taken bool, err error)
}

// Starter is a Router that wants to know its engine before traffic flows. Its error ends New.
type Starter interface {
	Start(e *Engine) error
}

// Stopper is a Router with something to let go of after the drain.
type Stopper interface {
	Stop(ctx context.Context) error
}

// MisuseError is an error of the caller's program: a second decision, a header the engine owns, a
// bad argument. Scripts raise it.
type MisuseError struct {
	Text string // what was wrong, for whoever wrote the program
}

func (m *MisuseError) Error() string { return m.Text }

func misuse(format string, args ...any) error { return &MisuseError{fmt.Sprintf(format, args...)} }

func asMisuse(err error) error {
	if err == nil {
		return nil
	}
	return &MisuseError{err.Error()}
}

// ErrRequestOver is why a wait ended early: the caller cancelled, or the engine stops.
var ErrRequestOver = errors.New("the request is over")

// Config of an engine. Router is required, and at least one Listen. Zero values mean the defaults
// named.
type Config struct {
	Listen    []string          // "udp:127.0.0.1:5060"; port 0 picks one
	Advertise map[string]string // an entry of Listen → the "host" or "host:port" given to peers
	Domains   []string          // local domains
	Router    Router
	// Parts exist beside the Router, which may bring more: see Part.
	Parts []Part
	// Interceptors are called in order before the Router, and after them the Parts that are
	// interceptors.
	Interceptors []Interceptor
	Secret       []byte        // keys route signatures, nonces, tokens; made at random when empty
	Lanes        int           // how many calls are worked on at once, default GOMAXPROCS
	TimerC       time.Duration // §16.6 step 11, default 181 s
	// How long Run waits for what is in progress after its context ended, default 32 s
	Drain time.Duration
	// DrainCalls is how long calls in progress may continue before that, while new ones are already
	// refused: Run waits until the last has ended, but no longer. Calls are recognized by their
	// Record-Route. Default 0: it does not wait.
	DrainCalls time.Duration
	// RouteLifetime is how long after its first request a dialog passes along our Record-Route:
	// default 24 h, at least a minute. Later requests within it are refused as those of strangers
	// are.
	RouteLifetime time.Duration
	// UDPLimit is the size in bytes above which a request to a UDP address goes by TCP, or by UDP
	// if TCP is refused (§18.1.1). Default 1300; negative: never.
	UDPLimit int
	// MaxDelay is how long messages may wait before they are processed: from half of it on, new
	// dialogs are refused (503, Retry-After) in proportion to the wait, and all of them beyond it,
	// to protect calls in progress. Default 100 ms; negative: never.
	MaxDelay time.Duration
	// TrustVia are the sources whose Via is believed if it sends responses to an address other than
	// its sender's (maddr, §18.2.2). Any sender is believed if it names a multicast group or its
	// own address.
	TrustVia  []netip.Prefix
	Timers    transaction.Timers // T1, T2 and T4 (§17), by default those of RFC 3261
	Limits    message.Limits     // of messages; what is beyond is refused
	Transport transport.Options  // less its Limits: those above count
	DNS       resolver.Options   // how names are looked up (RFC 3263)
	Resolver  proxy.Resolver     // used instead of DNS, when set
	Log       *slog.Logger       // default slog.Default()
	// Server is the Server header of responses made here, "" for none.
	Server string

	// Observe makes the Observer of a lane, for each lane once, in New. nil, the default, costs
	// nothing.
	Observe func(l *lane.Lane) Observer

	// TraceParent is the W3C Trace Context of what is asked in the course of a request with a
	// Call-ID; nil: there is none.
	TraceParent func(callID []byte) string

	// Reporter is told what becomes of each call; nil, the default, costs nothing.
	Reporter Reporter

	// Clock, Network, Meter and Seed replace the machine's in a simulation.
	Clock   lane.Clock
	Network func(r transport.Receiver) (transport.Wire, error) // brings what it receives to r
	Meter   lane.Meter                                         // counts the work in progress
	// Of random numbers; 0: unpredictable
	Seed uint64
}

func (c *Config) complete() error {
	if c.Router == nil {
		return errors.New("engine: the Config has no Router")
	}
	if len(c.Listen) == 0 && c.Network == nil {
		return errors.New("engine: there is nothing to listen on: give at least one Listen, such as udp:127.0.0.1:5060")
	}
	if c.Lanes <= 0 {
		c.Lanes = runtime.GOMAXPROCS(0)
	}
	if c.TimerC <= 0 {
		c.TimerC = 181 * time.Second
	}
	if c.Drain <= 0 {
		c.Drain = 32 * time.Second
	}
	if c.RouteLifetime <= 0 {
		c.RouteLifetime = 24 * time.Hour
	}
	if c.RouteLifetime < time.Minute {
		return fmt.Errorf("engine: RouteLifetime is %v; it must be a minute or more", c.RouteLifetime)
	}
	if c.UDPLimit == 0 {
		c.UDPLimit = 1300
	}
	if c.MaxDelay == 0 {
		c.MaxDelay = 100 * time.Millisecond
	}
	if c.Clock == nil {
		c.Clock = lane.NewSystem()
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Transport.Limits != (message.Limits{}) {
		return errors.New("engine: the limits of messages are Config.Limits, not Transport.Limits")
	}
	if len(c.Secret) == 0 {
		c.Secret = make([]byte, 32)
		rand.Read(c.Secret)
	}
	return nil
}

// TrustsVia reports whether a source is among Config.TrustVia.
func (e *Engine) TrustsVia(source netip.Addr) bool { return e.trustsVia(source) }

// trustsVia reports whether a source is among Config.TrustVia.
func (e *Engine) trustsVia(source netip.Addr) bool {
	for _, p := range e.config.TrustVia {
		if p.Contains(source) {
			return true
		}
	}
	return false
}

// Key derives a key for one purpose from the secret: "nonce", "flow". Different purposes give
// unrelated keys.
func (e *Engine) Key(purpose string) (key [32]byte) {
	mac := hmac.New(sha256.New, e.config.Secret)
	mac.Write([]byte("sipscript " + purpose))
	mac.Sum(key[:0])
	return key
}

// listenSpecs reads Listen and Advertise.
func (c *Config) listenSpecs() ([]transport.ListenSpec, error) {
	specs := make([]transport.ListenSpec, 0, len(c.Listen))
	for _, text := range c.Listen {
		spec, err := transport.ParseListen(text)
		if err != nil {
			return nil, err
		}
		if public, ok := c.Advertise[text]; ok {
			if spec.AdvertisedHost, spec.AdvertisedPort, err = ParseAdvertised(public); err != nil {
				return nil, fmt.Errorf("advertise %s=%s: %w", text, public, err)
			}
		}
		specs = append(specs, spec)
	}
	for text := range c.Advertise {
		if !contains(c.Listen, text) {
			return nil, fmt.Errorf("advertise %s: there is no such listener; the listeners are %s", text, strings.Join(c.Listen, ", "))
		}
	}
	return specs, nil
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// ParseAdvertised reads a value of Config.Advertise: "host", "host:port", "[v6]:port" or a bare
// IPv6 address. The port is 0 if none is given. The error says what to write.
func ParseAdvertised(s string) (host string, port uint16, err error) {
	u, err := message.ParseURI([]byte("sip:" + s))
	if err != nil && strings.Count(s, ":") > 1 {
		u, err = message.ParseURI([]byte("sip:[" + s + "]"))
	}
	if err != nil || len(u.Host) == 0 || len(u.User) > 0 || len(u.Params) > 0 {
		return "", 0, errors.New("expected HOST or HOST:PORT for peers, such as sip.example.com or 192.0.2.1:5060")
	}
	return string(u.Host), u.Port, nil
}
