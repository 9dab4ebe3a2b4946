package messages

// What becomes of messages: events and figures.

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/luabind"
)

// Kinds of events.
const (
	EventDelivered = "messages.delivered"
	EventFailed    = "messages.failed"
)

// Event is what became of a message.
type Event struct {
	Kind    string   // EventDelivered or EventFailed
	Message *Message // which must not be changed
	Why     string   // of EventFailed: "refused" or "expired"
}

var events = luabind.EventsOf(func(e Event) string { return e.Kind },
	luabind.EventOf(EventDelivered, "A device took a message.", eventAOR, eventFrom, eventCallID),
	luabind.EventOf(EventFailed, "A message was given up.", eventAOR, eventFrom, eventCallID,
		luabind.EventArg("why", luabind.ReturnsText("\"refused\": all devices did, for good; \"expired\": its time is over"), func(e Event) string { return e.Why })))

var (
	eventAOR    = luabind.EventArg("aor", luabind.ReturnsText("whose it was"), func(e Event) string { return e.Message.AOR })
	eventFrom   = luabind.EventArg("from", luabind.ReturnsText("the From it came with"), func(e Event) string { return e.Message.From })
	eventCallID = luabind.EventArg("call_id", luabind.ReturnsText("the Call-ID it came with"), func(e Event) string { return e.Message.CallID })
)

// figures are counted since the start.
type figures struct{ stored, delivered, failed, rejected atomic.Uint64 }

// countTime bounds the look at how many messages there are.
const countTime = time.Second

// Metrics makes a Messages luabind.Metered.
func (s *Messages) Metrics() []luabind.Metric {
	counter := func(name, help string, n *atomic.Uint64) luabind.Metric {
		return luabind.Metric{Name: name, Help: help, Kind: luabind.Counter, Value: func() float64 { return float64(n.Load()) }}
	}
	return []luabind.Metric{
		{Name: "messages_pending", Help: "Messages that wait for their user.", Kind: luabind.Gauge, Value: func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), countTime)
			defer cancel()
			n, err := s.store.Count(ctx)
			if err != nil {
				return math.NaN() // unknown
			}
			return float64(n)
		}},
		counter("messages_stored_total", "Messages that were answered 202 and kept.", &s.figures.stored),
		counter("messages_rejected_total", "Messages that were answered otherwise.", &s.figures.rejected),
		counter("messages_delivered_total", "Messages that a device took.", &s.figures.delivered),
		counter("messages_failed_total", "Messages that were given up: refused, or expired.", &s.figures.failed),
	}
}
