package limit

// Floods and scanners: recognised, and not heard, before their messages cost anything.

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/modules/clients/redisset"
	"github.com/sipscript/sipscript/modules/limit/bucket"
	"github.com/sipscript/sipscript/modules/trust"
)

// knownFor is for how long a source is known after its last binding or call began.
const knownFor = 2 * time.Hour

// Why sources are banned.
const (
	WhyFlood   = "flood"
	WhyScanner = "scanner"
)

// gate is the Limit as the engine asks it.
type gate struct{ l *Limit }

// Admit counts requests by source, before they are parsed.
func (g gate) Admit(k transport.Kind, from netip.AddrPort, data []byte) transport.Verdict {
	l := g.l
	p := l.serving.Load()
	if p.Flood == nil && l.bans.n.Load() == 0 {
		return transport.Pass
	}
	now := l.clock()
	source := sourceOf(from.Addr())
	if l.bans.banned(source, now) {
		return doubt(data)
	}
	if p.Flood == nil || data != nil && !isRequest(data) {
		return transport.Pass
	}
	if l.sources.Take(l.sourceKey(source, 0), p.rate, now).OK {
		return transport.Pass
	}
	return l.tooMany(p, k, from, data, now)
}

// tooMany is the verdict on what is beyond the limit.
func (l *Limit) tooMany(p *policy, k transport.Kind, from netip.AddrPort, data []byte, now int64) transport.Verdict {
	if l.exempt(p.Flood, k, from) {
		return transport.Pass
	}
	l.flooded.Add(1)
	source := sourceOf(from.Addr())
	switch {
	case !l.isKnown(source, 0, now):
		l.ban(source, WhyFlood, p.Flood.Ban, now)
	case k == transport.UDP && l.isKnown(from.Addr(), from.Port(), now) && l.sources.Take(l.sourceKey(from.Addr(), from.Port()), p.rate, now).OK:
		// Somebody floods in its name from other ports, or others share its address
		return transport.Pass
	}
	return doubt(data)
}

// doubt is the verdict on somebody who is not heard but within dialogs of ours.
func doubt(data []byte) transport.Verdict {
	if hasRoute(data) {
		return transport.Doubt
	}
	return transport.Drop
}

// isRequest reports whether something may be a request: not a response, not a keep-alive.
func isRequest(data []byte) bool {
	return len(data) > 0 && data[0] > ' ' && !bytes.HasPrefix(data, []byte("SIP/2.0 "))
}

// hasRoute reports whether a message has a header Route.
func hasRoute(data []byte) bool {
	for {
		i := bytes.IndexByte(data, '\n')
		if i < 0 {
			return false
		}
		data = data[i+1:]
		if len(data) > 6 && data[0]|0x20 == 'r' && (data[5] == ':' || data[5] == ' ' || data[5] == '\t') && bytes.EqualFold(data[:5], []byte("route")) {
			return true
		}
	}
}

// Hear recognises scanners.
func (g gate) Hear(k transport.Kind, from netip.AddrPort, m *message.Message) bool {
	l := g.l
	p := l.serving.Load()
	if p.scanners == nil || !p.scanners().recognise(m) {
		return true
	}
	if p.Flood != nil && l.exempt(p.Flood, k, from) {
		return true
	}
	now := l.clock()
	source := sourceOf(from.Addr())
	if l.isKnown(source, 0, now) {
		return false // somebody may have forged the address
	}
	lasts := defaultBan
	if p.Flood != nil {
		lasts = p.Flood.Ban
	}
	l.ban(source, WhyScanner, lasts, now)
	return false
}

// defaultBan is for scanners where no flood is configured.
const defaultBan = 5 * time.Minute

func (l *Limit) exempt(f *Flood, k transport.Kind, from netip.AddrPort) bool {
	if len(f.Except) == 0 {
		return false
	}
	lists := l.o.Lists()
	if lists == nil {
		return false
	}
	s := &trust.Sender{Addr: from, Kind: k}
	for _, name := range f.Except {
		if _, ok := lists.Covers(name, s); ok {
			return true
		}
	}
	return false
}

// ban begins a ban, and says so.
func (l *Limit) ban(source netip.Addr, why string, d time.Duration, now int64) {
	if d <= 0 {
		return
	}
	b := &ban{why: why, until: now + int64(d), since: time.Now()}
	if e := l.engine.Load(); e != nil {
		b.since = e.Clock().Wall()
	}
	if !l.begins(source, b, d, now) {
		return
	}
	l.o.Log.Warn("limit: a source is not heard for a while", "source", source, "offence", why, "seconds", d.Seconds())
	l.script.Emit(Event{IP: source, Why: why})
}

// begins puts a ban into force, and tells the others. It reports whether there was none.
func (l *Limit) begins(source netip.Addr, b *ban, d time.Duration, now int64) bool {
	l.banning.Lock()
	defer l.banning.Unlock()
	fresh := l.bans.add(source, b, now)
	if fresh && l.sharesBans() {
		l.together.Changed(redisset.Entry{Key: source.String(), Ends: l.wall().Add(d)})
	}
	return fresh
}

// Known remembers who has a binding or a call. On a connection nobody forges an address.
func (g gate) Known(k transport.Kind, from netip.AddrPort, _ message.Method) {
	if k != transport.UDP {
		return
	}
	l := g.l
	now := l.clock()
	l.known.Mark(l.knownKey(sourceOf(from.Addr()), 0), now+int64(knownFor), now)
	l.known.Mark(l.knownKey(from.Addr().Unmap(), from.Port()), now+int64(knownFor), now)
}

func (l *Limit) isKnown(a netip.Addr, port uint16, now int64) bool {
	return l.known.Marked(l.knownKey(a.Unmap(), port), now)
}

func (l *Limit) sourceKey(a netip.Addr, port uint16) bucket.Key { return keyOf(l.sources, a, port) }
func (l *Limit) knownKey(a netip.Addr, port uint16) bucket.Key  { return keyOf(l.known, a, port) }

func keyOf(t *bucket.Table, a netip.Addr, port uint16) bucket.Key {
	x := a.As16()
	var b [18]byte
	copy(b[:], x[:])
	b[16], b[17] = byte(port>>8), byte(port)
	return t.KeyOf(b[:])
}
