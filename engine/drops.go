package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// Messages dropped without an answer: each is logged at debug level with its reason, and counted by
// it.

// mostReasons bounds the reasons that are counted apart. They are texts of the program, never of a
// peer; beyond the bound they are "other".
const mostReasons = 100

// drops counts drops by reason. It may be used from any goroutine.
type drops struct {
	mu       sync.Mutex // guards byReason
	byReason map[string]uint64
}

func (d *drops) add(reason string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byReason == nil {
		d.byReason = map[string]uint64{}
	}
	if _, known := d.byReason[reason]; !known && len(d.byReason) >= mostReasons {
		reason = "other"
	}
	d.byReason[reason]++
}

func (d *drops) snapshot() map[string]uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make(map[string]uint64, len(d.byReason))
	for reason, n := range d.byReason {
		all[reason] = n
	}
	return all
}

// dropped counts and logs a dropped message. why is nil if the reason says everything.
func (e *Engine) dropped(reason string, kind transport.Kind, from netip.AddrPort, why error) {
	e.drops.add(reason)
	if !e.log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	args := []any{"reason", reason, "source", from.String(), "transport", kind.String()}
	if why != nil {
		args = append(args, "error", why)
	}
	e.log.Debug("dropped", args...)
}

// reasonOf is the name under which an error in a message is counted: "bad_via" of "Bad Via: empty
// host".
func reasonOf(err error) string {
	var bad *message.Error
	if !errors.As(err, &bad) {
		return "unreadable"
	}
	short, _, _ := strings.Cut(bad.Reason, ":")
	return strings.Map(func(c rune) rune {
		switch {
		case c == ' ', c == '-':
			return '_'
		case 'A' <= c && c <= 'Z':
			return c + 'a' - 'A'
		}
		return c
	}, short)
}

// lost takes down a message that the transaction layer drops.
func (u *unit) lost(a *transaction.Arrival, why transaction.Event) {
	u.e.dropped(why.String(), a.Kind, a.Source, nil)
}

// BadFrame handles what could not be framed. If it is recognizably a request, its sender is told
// what is wrong with it before the transport closes the stream.
func (i *inbox) BadFrame(in *transport.Inbound, err error) {
	e := (*Engine)(i)
	e.badFrames.Add(1)
	e.dropped(reasonOf(err), in.Kind, in.Source, err)
	var bad *message.Error
	if !errors.As(err, &bad) || in.Flow == 0 || in.Kind == transport.WS || in.Kind == transport.WSS {
		return
	}
	var m message.Message
	_ = m.Parse(in.Bytes, &e.config.Limits) // what can be read of it is enough
	if !m.Answerable() || m.AnyAck() {
		return
	}
	m.SetReceived(in.Source)
	var headers []byte
	if e.config.Server != "" {
		headers = []byte("Server: " + e.config.Server + "\r\n")
	}
	text := message.AppendResponse(nil, &m, bad.Status, bad.Reason, fmt.Sprintf("%016x", e.units[0].randomAny()), headers, nil)
	to := transport.Peer{Kind: in.Kind, Addr: in.Source, Local: in.Local, Flow: in.Flow, FlowOnly: true}
	if e.wire.Send(&to, text, nil) == nil {
		e.units[0].count.answer(bad.Status)
	}
}
