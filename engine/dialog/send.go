package dialog

// Requests of the owner's own within the dialog.

import (
	"errors"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/proxy"
)

// ErrOwnMethod is the error of a request that a leg sends by itself, when it is time.
var ErrOwnMethod = errors.New("legs send requests with that method by themselves")

// Message is a request of the owner's own.
type Message struct {
	// INFO, MESSAGE, OPTIONS, or another one that changes nothing about the call
	Method      string
	Headers     []engine.HeaderEdit // of the request, beside its own
	Body        []byte              // nil: none
	ContentType string              // of Body
}

// Send sends the party a request within the dialog. done is told its answer, on the lane: 408 if
// none came. A party that knows nothing of the call, or does not answer, has left it (RFC 3261
// §12.2.1.2): the leg ends.
func (l *Leg) Send(m Message, done func(*engine.Response)) error {
	if l.s.phase != up {
		return ErrState
	}
	switch m.Method {
	case "INVITE", "ACK", "CANCEL", "BYE", "PRACK", "UPDATE", "REFER", "NOTIFY", "SUBSCRIBE":
		return ErrOwnMethod
	}
	if err := proxy.CheckEdits(m.Headers); err != nil {
		return err
	}
	s := l.within(m.Method)
	s.Headers = append(s.Headers, m.Headers...)
	s.Body, s.ContentType = m.Body, m.ContentType
	return l.send(s, func(res *engine.Response, err error) {
		if err != nil {
			res = failure(err)
		}
		if code := res.Code(); (code == 408 || code == 481) && l.s.phase == up {
			l.hangUp(480, WhyLost, "")
		}
		done(res)
	})
}

// Ping asks the party whether it is there (OPTIONS). done is told the code of its answer, on the
// lane: 408 if none came, and for one that could not be sent. Unlike Send it ends nothing.
func (l *Leg) Ping(done func(code int)) error {
	if l.s.phase != up {
		return ErrState
	}
	return l.send(l.within("OPTIONS"), func(res *engine.Response, err error) {
		if err != nil {
			res = failure(err)
		}
		done(res.Code())
	})
}
