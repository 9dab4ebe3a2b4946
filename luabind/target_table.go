package luabind

// Targets that modules give to scripts, as the tables that scripts write.

import (
	"time"

	"github.com/sipscript/sipscript/engine"
)

// ReturnsTarget returns a target as a table for relay, fork and redirect, which a script may
// change; nil for nil. A table cannot say FlowOnly and Others: a target with them needs a
// [Targeter].
func ReturnsTarget(doc string) Returns[*engine.Target] {
	return returns(TargetType, doc, func(c *Call, t *engine.Target) int {
		if t == nil {
			return c.PushNil()
		}
		return c.Push(targetTable(t))
	})
}

// targetTable are the keys of a target that say something.
func targetTable(t *engine.Target) map[string]any {
	table := map[string]any{}
	for key, text := range map[string]string{"uri": t.URI, "next_hop": t.NextHop, "received": t.Received, "from_socket": t.FromSocket} {
		if text != "" {
			table[key] = text
		}
	}
	for key, d := range map[string]time.Duration{"delay": t.Delay, "timeout": t.Timeout, "ring_timeout": t.RingTimeout, "reply_timeout": t.ReplyTimeout} {
		if d > 0 {
			table[key] = d
		}
	}
	if len(t.Path) > 0 {
		table["path"] = t.Path
	}
	if t.Flow != 0 {
		table["flow"] = uint64(t.Flow)
	}
	if t.Q > 0 {
		table["q"] = t.Q
	}
	if t.Credentials != nil {
		table["credentials"] = map[string]any{"user": t.Credentials.User, "password": t.Credentials.Password}
	}
	headers := map[string]any{}
	for _, h := range t.Headers {
		headers[h.Name] = any(h.Values)
		if len(h.Values) == 0 {
			headers[h.Name] = false // removed
		}
	}
	if len(headers) > 0 {
		table["headers"] = headers
	}
	return table
}
