package proxy

import (
	"context"
	"log/slog"
	"net/netip"
)

// Logging what could not be sent.

// tell logs why a target was not reached: as a warning, once per caller and minute, except for a
// client that is gone, which happens every day.
func (b *Branch) tell(err error) {
	x := b.fork.x
	if x.Req == nil {
		return
	}
	b.remark("branch failed", err.Error())
	level := slog.LevelWarn
	if b.codeOf(err) != 503 {
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
		if silent, ok = c.May(what, from); !ok {
			level = slog.LevelDebug
		}
	}
	c.Log.Log(context.Background(), level, what, "call_id", string(callID), "source", from, "target", t.String(), "error", err, "suppressed", silent)
}
