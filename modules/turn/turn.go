// Package turn is the module "turn": a STUN and TURN server beside the SIP server, and credentials
// for it. The server itself is package relay, for Go programs.
package turn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/modules/turn/relay"
)

// Options of the module. All may be zero: then it serves nothing, and makes credentials alone.
type Options struct {
	Listeners []relay.Listener // what is served
	Relays    []relay.Relay    // where media is relayed
	Ports     relay.Ports      // of relayed media
	// SecretFile has the secrets, the newest first; "": one is derived from the engine's.
	SecretFile string
	Log        *slog.Logger // nil: nobody is told
}

// Turn is the module.
type Turn struct {
	opts    Options
	secrets atomic.Pointer[relay.Secrets] // nil before Attach

	mu      sync.Mutex
	server  *relay.Server // nil without listeners; guarded by mu
	serving bool          // guarded by mu
}

// New makes the module.
func New(o Options) *Turn {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Turn{opts: o}
}

// Name is "turn".
func (*Turn) Name() string { return "turn" }

// Doc describes the module.
func (*Turn) Doc() string {
	return "Relays media for clients that cannot reach each other, and makes credentials for them."
}

// Attach opens the listeners. It makes a Turn an engine.Part.
func (t *Turn) Attach(e *engine.Engine) error {
	secrets, err := t.readSecrets(e)
	if err != nil {
		return err
	}
	t.secrets.Store(&secrets)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.opts.Listeners) == 0 || t.server != nil { // or of a second engine
		return nil
	}
	nonces := e.Key("turn nonces")
	o := relay.Options{Listeners: t.opts.Listeners, Relays: t.opts.Relays, Ports: t.opts.Ports, Secrets: secrets, Realm: e.Domains().First(), NonceKey: nonces[:],
		Policy: relay.DefaultPolicy(), Log: t.opts.Log}
	for _, l := range o.Listeners {
		if l.Kind == relay.TURNS && o.TLS == nil {
			if o.TLS, err = e.ServerTLS(); err != nil {
				return err
			}
		}
	}
	s, err := relay.New(o)
	if err != nil {
		return explain(err)
	}
	if err := s.Listen(); err != nil {
		return explain(err)
	}
	t.server = s
	return nil
}

// readSecrets reads the file of secrets, or derives one.
func (t *Turn) readSecrets(e *engine.Engine) (relay.Secrets, error) {
	if t.opts.SecretFile == "" {
		return relay.DerivedSecret(e.Key("turn credentials")), nil
	}
	text, err := os.ReadFile(t.opts.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("--turn-secret: %w; create one with: head -c 32 /dev/urandom | base64 > %s", err, t.opts.SecretFile)
	}
	list, err := relay.ReadSecrets(text)
	if err != nil {
		return nil, fmt.Errorf("--turn-secret: %s: %w", t.opts.SecretFile, err)
	}
	return list, nil
}

// configure puts a policy into force, reads the secrets again, and begins to serve.
func (t *Turn) configure(p relay.Policy) error {
	if t.opts.SecretFile != "" {
		list, err := t.readSecrets(nil)
		if err != nil {
			return err
		}
		t.secrets.Store(&list)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.server == nil {
		return nil
	}
	t.server.SetSecrets(*t.secrets.Load())
	if err := t.server.SetPolicy(p); err != nil {
		return err
	}
	if !t.serving {
		t.serving = true
		t.server.Serve()
	}
	return nil
}

// Server is the server, or nil if there is none.
func (t *Turn) Server() *relay.Server {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.server
}

// Drain refuses new allocations. It makes a Turn an engine.Drainer.
func (t *Turn) Drain(context.Context) error {
	if s := t.Server(); s != nil {
		s.Drain()
	}
	return nil
}

// Close ends the server.
func (t *Turn) Close() error {
	if s := t.Server(); s != nil {
		return s.Close()
	}
	return nil
}

// errNotAttached is that of a module that no engine has.
var errNotAttached = errors.New("turn: there is no secret before the module is attached")

// Credentials makes credentials for a user, good for ttl from now.
func (t *Turn) Credentials(user string, now time.Time, ttl time.Duration) (relay.Credentials, error) {
	secrets := t.secrets.Load()
	if secrets == nil {
		return relay.Credentials{}, errNotAttached
	}
	return secrets.Credentials(user, now, ttl), nil
}

// Listening are the listeners, by name and address.
func (t *Turn) Listening() []string {
	var lines []string
	if s := t.Server(); s != nil {
		for _, l := range s.Addresses() {
			lines = append(lines, l.Kind.String()+" "+l.Addr.String())
		}
	}
	return lines
}

// networks reads networks and addresses.
func networks(option string, list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range list {
		p, err := netip.ParsePrefix(text)
		if a, bare := netip.ParseAddr(text); bare == nil && a.Zone() == "" {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil || p.Addr().Is4In6() {
			return nil, fmt.Errorf("%s: %q is not a network or an address, such as 192.0.2.0/24 or 2001:db8::1", option, strings.ToValidUTF8(text, "?"))
		}
		out = append(out, p.Masked())
	}
	return out, nil
}
