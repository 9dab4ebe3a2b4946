package message

// This file says which parts of a written message are parts of a received one.

// Origin says which parts of a text, written by [Message.AppendFrom], are as they were received.
// Who remembers the received message need not look for them.
type Origin struct {
	Mark uint64 // of the message ([Message.SetMark]), 0: nothing is known
	Runs []Run  // in order, none within another; from the first on, if there are very many
	n    int    // the length of the text
}

// Run is a part of a text.
type Run struct {
	At   int // where it begins in the text
	From int // where it is in [Message.Original]
	Len  int // bytes
}

// mostRuns of a text are told.
const mostRuns = 64

// SetMark gives the received bytes a number of the caller's own, which copies of m have too.
func (m *Message) SetMark(n uint64) { m.mark = n }

// begin forgets what was written before, and begins the text of m.
func (o *Origin) begin(m *Message) { o.Mark, o.Runs, o.n = m.mark, o.Runs[:0], 0 }

// add says that n bytes at at are those from from on.
func (o *Origin) add(at, from, n int) {
	if n > 0 && len(o.Runs) < mostRuns {
		o.Runs = append(o.Runs, Run{at, from, n})
	}
}

// Insert says that n bytes were put into the text at at, where a line begins.
func (o *Origin) Insert(at, n int) {
	if o == nil {
		return
	}
	o.n += n
	for i := len(o.Runs) - 1; i >= 0; i-- {
		r := &o.Runs[i]
		if r.At >= at {
			r.At += n
			continue
		}
		if before := at - r.At; before < r.Len {
			rest := Run{at + n, r.From + before, r.Len - before}
			r.Len = before
			o.Runs = append(o.Runs, Run{})
			copy(o.Runs[i+2:], o.Runs[i+1:])
			o.Runs[i+1] = rest
		}
		return
	}
}

// Of is o if it can be about text, which is not more than likely; else nil.
func (o *Origin) Of(text []byte) *Origin {
	if o == nil || o.Mark == 0 || o.n != len(text) {
		return nil
	}
	return o
}

// Forget says that what was written is no longer in use.
func (o *Origin) Forget() { o.Mark = 0 }
