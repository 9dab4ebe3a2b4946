package ring

// Messages that were made from others.
//
// Of what is sent, the engine nearly always knows from which parts of what it received it was made.
// Such a text is written as its parts: what is new as any other text, and after each piece of that
// what was received. Only the new pieces become part of the window, because nobody will look for
// the rest there: it is half of all text.

import (
	"bytes"

	"github.com/sipscript/sipscript/engine/message"
)

// isMade is what the byte with a message's transport says of such a text.
const isMade = 0x80

// source is text in the window that another was made from.
type source struct {
	at   int // where it is
	runs []message.Run
}

// made reports whether text was made from whole lines of the source, as it says: it compares. A
// line of the source whose secret was overwritten is no longer that of the text.
func (e *encoder) made(text []byte, from *source) bool {
	w, done := e.window, 0
	for i := range from.runs {
		r := &from.runs[i]
		at, end := from.at+r.From, r.At+r.Len
		if r.At < done || r.Len <= 0 || r.Len > len(text)-r.At || r.From < 0 || r.Len > len(w)-at ||
			(r.At == 0) != (r.From == 0) || // a start line is masked as one
			r.At > 0 && (text[r.At-1] != '\n' || w[at-1] != '\n') || end < len(text) && text[end-1] != '\n' ||
			!apart(text[done:r.At]) || !apart(text[r.At:end]) || !bytes.Equal(text[r.At:end], w[at:at+r.Len]) {
			return false
		}
		done = end
	}
	return len(from.runs) > 0 && apart(text[done:])
}

// apart reports whether a piece of text can be masked without what is before it: it does not go on
// with a line that was begun there (RFC 3261 §7.3.1).
func apart(piece []byte) bool { return len(piece) == 0 || piece[0] != ' ' && piece[0] != '\t' }

// appendMade appends a text that was made from the source.
func (e *encoder) appendMade(text []byte, from *source) {
	done := 0
	for i := range from.runs {
		r := &from.runs[i]
		e.append(text[done:r.At], done == 0)
		done = r.At + r.Len
		e.reference(r.Len, len(e.window)-from.at-r.From)
	}
	e.append(text[done:], done == 0)
	e.reference(0, 0)
	e.apart += len(text)
}

// reference writes that n bytes follow as they are distance before the end of the window; 0 ends a
// text.
func (e *encoder) reference(n, distance int) {
	out, p := e.out[:cap(e.out)], len(e.out)
	p = number(out, p, n)
	if n > 0 {
		p = number(out, p, distance)
	}
	e.out = out[:p]
}
