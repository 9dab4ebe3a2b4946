package engine_test

import (
	"bytes"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
)

// origins is an observer who compares what was sent with what it is said to have been made from.
type origins struct {
	t           *testing.T
	received    [][]byte
	sent, known int // messages
	text, parts int // bytes of those that are known, and of their parts
}

func (w *origins) Step(*engine.ObservedStep) {}

func (w *origins) Message(o *engine.Observed) {
	if !o.Sent {
		w.received = append(w.received, bytes.Clone(o.Bytes))
		o.Mark = uint64(len(w.received))
		return
	}
	if w.sent++; o.Origin == nil {
		return
	}
	w.known++
	w.text += len(o.Bytes)
	source := w.received[o.Origin.Mark-1]
	for _, r := range o.Origin.Runs {
		if !bytes.Equal(o.Bytes[r.At:r.At+r.Len], source[r.From:r.From+r.Len]) {
			w.t.Errorf("%+v of\n%s\nis not in\n%s", r, o.Bytes, source)
		}
		w.parts += r.Len
	}
}

// An observer is told what each message was made from that is passed on, in place of what was
// received for it.
func TestOriginOfSent(t *testing.T) {
	w := &origins{t: t}
	c := newCallBench(t, func(*lane.Lane) engine.Observer { return w })
	const calls = 3
	for range calls {
		c.call()
	}
	c.check(t)
	if w.sent != 6*calls || w.known != 6*calls || w.parts < w.text/2 {
		t.Errorf("%d sent, %d known; %d of %d bytes", w.sent, w.known, w.parts, w.text)
	}
}
