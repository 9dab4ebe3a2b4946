package presence

// This file hears from the module dialog, which knows more ends of calls than the engine's own
// view: those that this server ends, and those whose phones are gone.

import (
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/dialog"
	"github.com/sipscript/sipscript/modules/dialog/track"
	"github.com/sipscript/sipscript/modules/internal/calls"
)

// tracked hears what became of a call that a script tracks.
func (p *Presence) tracked(e dialog.Event) {
	if e.Kind != dialog.EventEnded || !p.Policy().BLF {
		return
	}
	call := e.Call.View()
	from, err := message.ParseAddress([]byte(call.From))
	if err != nil {
		return
	}
	if v := p.lamps.view.take(call.CallID, string(from.Tag())); v != nil {
		v.tell(calls.Terminated, causeOf(call.By, call.Cause), 0)
	}
}

// causeOf is why an answered call is over, as the caller's phone has it (RFC 4235 §3.7.1).
func causeOf(by track.Who, cause string) string {
	switch {
	case cause == track.CauseBye && by == track.Caller:
		return "local-bye"
	case cause == track.CauseBye:
		return "remote-bye"
	case by == track.Server:
		return ""
	}
	return "timeout"
}
