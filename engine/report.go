package engine

// What became of a call, told once for a line in the log and figures. Without Config.Reporter it
// costs nothing.

import (
	"hash/maphash"
	"net/netip"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/transport"
)

// Reporter is told what becomes of each call: of an INVITE that begins a dialog, unless it was
// dropped, forwarded statelessly, or answered here with a challenge, after which it comes again. It
// is called with a lane's token held, by one lane or another, and must not block. A report belongs
// to it only until it returns.
type Reporter interface {
	// Settled is called when the INVITE is over. If the report is Open, Ended follows.
	Settled(c *CallReport)
	// Ended is called when an answered call ends, as far as we are on its path; when there are too
	// many to remember; and at the end of the engine.
	Ended(c *CallReport)
}

// Who ended a call.
const (
	EndedByCaller   = "caller"
	EndedByCallee   = "callee"
	EndedByServer   = "server"   // it hung up, or knew that a party was gone: CallOver
	EndedByShutdown = "shutdown" // it goes on without us
	// Nothing was heard of it for too long, or there were too many to remember
	EndedUnknown = "unknown"
)

// CallReport is what became of a call. Its texts have no passwords (RFC 3261 §19.1.1), and their
// first 256 bytes at most.
type CallReport struct {
	CallID string         // as its caller chose it
	From   string         // the URI of the caller
	To     string         // the URI of the called
	URI    string         // the Request-URI, as it came
	Target string         // what answered, or was tried last; "" for nothing
	User   string         // the user who proved to have sent it, or ""
	Source netip.AddrPort // where it came from
	Kind   transport.Kind // and by what
	Place  string         // the line of the script that decided, "route.lua:23", or ""
	Code   int            // the final response
	Cause  string         // why it failed, one of the Cause constants; "" if a user agent said so
	Tried  int            // branches
	Began  time.Time      // when it came
	// Since Began; 0: it did not happen
	Ringing, Answered time.Duration
	Lasted            time.Duration // from the answer to the end, in Ended
	EndedBy           string        // one of those above, in Ended
	Open              bool          // it was answered, and passes by us until it ends
}

const (
	mostReports    = 1 << 16 // of one lane, that wait for their end
	longestReport  = 24 * time.Hour
	reportsCleanUp = time.Minute
	mostReportText = 256
)

// report is a CallReport in the making: the witness of an INVITE.
type report struct {
	CallReport
	from     string // the caller's tag
	came     lane.Time
	answered lane.Time
	failed   int // the code of the failure that Cause is of
}

// reports are those of one lane that wait for their end, by the hash of their Call-ID. They belong
// to the holder of the lane's token.
type reports struct {
	to      Reporter
	open    map[uint64]*report
	cleaned lane.Time
	oldest  lane.Time // none of open was answered before
}

func newReports(to Reporter) *reports { return &reports{to: to, open: map[uint64]*report{}} }

// begin follows an INVITE that begins a dialog, and notes whose BYE a call ends with.
func (u *unit) begin(r *Request) {
	if r.method == message.MethodBye && r.inDialog && len(u.reports.open) > 0 {
		if one := u.reports.open[r.reportKey()]; one != nil {
			one.EndedBy = one.sender(r)
		}
	}
	if r.method != message.MethodInvite || r.inDialog {
		return
	}
	r.seldom().report = &report{came: u.lane.Now()}
	r.ctx.Witness((*reportWitness)(r.rare().report))
}

// reportKey is that of reports.open.
func (r *Request) reportKey() uint64 { return maphash.Bytes(r.unit.e.seed, r.ctx.Req.CallID()) }

// sender is who sent a request within the call.
func (one *report) sender(r *Request) string {
	if string(r.ctx.Req.FromTag()) == one.from {
		return EndedByCaller
	}
	return EndedByCallee
}

// reportWitness is a report as the witness of its request.
type reportWitness report

// Sending notes a branch.
func (w *reportWitness) Sending(b *Branch) {
	w.Tried++
	if t := b.Target(); t != nil {
		w.Target = t.URI
	}
}

// Answering notes when it rings and why it fails.
func (w *reportWitness) Answering(a *Answer) bool {
	code := a.Message.Status()
	switch {
	case a.Branch == nil: // of a request that is over
		return true
	case code > 100 && code < 200 && w.Ringing == 0:
		w.Ringing = max(1, a.At().Sub(w.came))
	case code >= 200 && code < 300:
		if w.Answered == 0 {
			w.Answered, w.answered, w.Cause = max(1, a.At().Sub(w.came)), a.At(), ""
			if t := a.Branch.Target(); t != nil {
				w.Target = t.URI
			}
		}
	case code >= 300 && w.Answered == 0:
		w.Cause, w.failed = a.Cause, code
	}
	return true
}

// Ended is told by Gone, which knows more.
func (w *reportWitness) Ended(int) {}

// note reports what became of a request.
func (c *reports) note(r *Request) {
	now := r.unit.lane.Now()
	c.clean(now)
	code := r.ctx.Answered()
	challenge := code == 401 || code == 407
	switch {
	case r.ctx.Req == nil || code == 0: // dropped, or forwarded statelessly
	case r.rare().report != nil:
		// The call is the INVITE that follows; one that nobody could have sent is none
		if !challenge || r.rare().report.Tried > 0 {
			c.settled(r, code)
		}
		r.seldom().report = nil
	case len(c.open) == 0:
	case r.method == message.MethodBye,
		r.method == message.MethodInvite && (code == 408 || code == 481): // RFC 5057 §5.1
		key := r.reportKey()
		switch one := c.open[key]; {
		case one == nil:
		case r.method == message.MethodBye && challenge:
			one.EndedBy = ""
		default:
			c.end(key, one, now, one.sender(r))
		}
	}
}

func (c *reports) settled(r *Request, code int) {
	one, m := r.rare().report, r.ctx.Req
	one.CallID, one.From, one.To, one.URI = bounded(m.CallID()), partyOf(m.From()), partyOf(m.To()), uriTold(m.RequestURI())
	one.Target, one.User = uriTold(one.Target), bounded(r.user)
	one.Code, one.from = code, string(m.FromTag())
	one.Source, one.Kind = r.ctx.Server.From.Source, r.ctx.Server.From.Kind
	now := r.unit.lane.Now()
	one.Began = r.unit.e.clock.Wall().Add(-now.Sub(one.came))
	if code/100 == 2 {
		if one.Answered == 0 { // answered here
			one.Answered, one.answered = max(1, now.Sub(one.came)), now
		}
		one.Open = r.ctx.Recorded() && len(c.open) < mostReports
	}
	if code != one.failed && (one.failed != 503 || code != 500) { // a 503 goes on as 500 (§16.7)
		one.Cause = ""
	}
	c.to.Settled(&one.CallReport)
	if one.Open {
		key := r.reportKey()
		if old := c.open[key]; old != nil { // another with the same Call-ID
			c.end(key, old, now, EndedUnknown)
		}
		if len(c.open) == 0 {
			c.oldest = one.answered
		}
		c.open[key] = one
	}
}

// partyOf is the URI of a From or a To.
func partyOf(a message.Address, err error) string {
	if err != nil {
		return ""
	}
	return uriTold(a.URI)
}

// uriTold is a URI as others may read it: without the password (§19.1.1), of which it may be said
// only that it ends before an @, and bounded.
func uriTold[T string | []byte](uri T) string {
	at := len(uri) - 1
	for at >= 0 && uri[at] != '@' {
		at--
	}
	for i, colons := 0, 0; i < at; i++ {
		if uri[i] != ':' {
			continue
		}
		if colons++; colons == 2 {
			return bounded(bounded(uri[:i]) + bounded(uri[at:]))
		}
	}
	return bounded(uri)
}

// bounded is a copy of the beginning: what is left out must not be kept by what is told.
func bounded[T string | []byte](text T) string {
	if len(text) > mostReportText {
		return strings.Clone(string(text[:mostReportText]))
	}
	return string(text)
}

// end reports the end of an answered call.
func (c *reports) end(key uint64, one *report, now lane.Time, by string) {
	delete(c.open, key)
	one.EndedBy, one.Lasted = by, max(1, now.Sub(one.answered))
	c.to.Ended(&one.CallReport)
}

// over reports a call that this server has ended, unless a BYE came that is about to.
func (c *reports) over(key uint64, now lane.Time) {
	one := c.open[key]
	if one == nil {
		return
	}
	by := one.EndedBy
	if by == "" {
		by = EndedByServer
	}
	c.end(key, one, now, by)
}

// clean lets go of calls whose end was never heard, in the minute in which it is too late for one.
func (c *reports) clean(now lane.Time) {
	if len(c.open) == 0 || now.Sub(c.oldest) <= longestReport || now.Sub(c.cleaned) < reportsCleanUp {
		return
	}
	c.cleaned, c.oldest = now, now
	for key, one := range c.open {
		if now.Sub(one.answered) > longestReport {
			c.end(key, one, now, EndedUnknown)
		} else if one.answered < c.oldest {
			c.oldest = one.answered
		}
	}
}

// flush reports calls that outlive the engine.
func (c *reports) flush(now lane.Time) {
	for key, one := range c.open {
		c.end(key, one, now, EndedByShutdown)
	}
}

var _ proxy.Witness = (*reportWitness)(nil)
