package proxy

// Telling an observer what became of targets, beside the messages that it sees itself.

import "github.com/sipscript/sipscript/engine/message"

// Note is told what happened to a request by itself, for somebody who asks why: what, a few words,
// and about whom.
type Note func(m *message.Message, what, about string)

// remark tells what happened to the branch; why may be "".
func (b *Branch) remark(what, why string) {
	x := b.fork.x
	if x.core.Note != nil && x.Req != nil {
		x.core.Note(x.Req, what, aboutTarget(b.target, why))
	}
}

func aboutTarget(t *Target, why string) string {
	about := "where the request leads"
	if t.shown() != nil {
		about = t.String()
	}
	if why != "" {
		about += ": " + why
	}
	return about
}

// untried tells which targets of the fork will not be tried, and why.
func (f *Fork) untried() {
	x := f.x
	if x.core.Note == nil || x.Req == nil {
		return
	}
	why := "failover is not for this answer"
	switch {
	case x.cancelled:
		why = "the caller gave up"
	case f.won:
		why = "another has answered"
	case x.over:
		why = "the request is over"
	case f.best != nil && f.best.Code() >= 600:
		why = "a 6xx ends the search"
	}
	for _, t := range f.queue {
		x.core.Note(x.Req, "not tried", aboutTarget(t, why))
	}
}
