package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"

	"github.com/sipscript/sipscript/engine/resolver"
	"github.com/sipscript/sipscript/engine/transport"
)

// Logging what could not be sent.

// tell logs why a target was not reached: as a warning, once per caller and minute, except for a
// client that is gone, which happens every day, and a large request that TCP did not take.
func (b *Branch) tell(err error) {
	x := b.fork.x
	if x.Req == nil {
		return
	}
	b.remark("branch failed", err.Error())
	level := slog.LevelWarn
	switch {
	case b.spare: // it goes on by UDP, which is what the target asked for
		level = slog.LevelDebug
	case b.codeOf(err) != 503:
		level = slog.LevelInfo
	}
	x.core.unsent(level, "branch failed", x.Req.CallID(), x.Server.From.Source.Addr(), b.target, err)
}

// Unsent warns that something that was to be sent for a source was not, once per source and minute.
// t may be nil.
func (c *Core) Unsent(what string, callID []byte, from netip.Addr, t *Target, err error) {
	if t == nil {
		t = vouched
	}
	c.unsent(slog.LevelWarn, what, callID, from, t, err)
}

// unsent logs that a target was not reached for a source.
func (c *Core) unsent(level slog.Level, what string, callID []byte, from netip.Addr, t *Target, err error) {
	if c.Log == nil {
		return
	}
	silent := 0
	if level == slog.LevelWarn && c.May != nil {
		var ok bool
		if silent, ok = c.May(siteOf(what, err), from); !ok {
			level = slog.LevelDebug
		}
	}
	c.Log.Log(context.Background(), level, what, "call_id", string(callID), "source", from, "target", t.String(), "error", err, "suppressed", silent)
}

// noListener is why no listener sends to a target.
type noListener string

func (e noListener) Error() string { return string(e) }

// siteOf is the kind of cause, each of which is told apart: a trunk that is away must not hide a
// name that is misspelt. There are few, whatever peers do.
func siteOf(what string, err error) string {
	switch {
	case errors.As(err, new(*resolver.Error)):
		return "unresolved"
	case errors.As(err, new(noListener)):
		return "no listener"
	case errors.Is(err, transport.ErrNotConnected):
		return "not connected"
	}
	return what
}
