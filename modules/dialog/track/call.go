package track

import (
	"github.com/sipscript/sipscript/engine"
)

// Call is one call. It is not safe for concurrent use. Times are nanoseconds since 1970, 0 for
// not yet.
type Call struct {
	ID       ID     // travels in Record-Route
	CallID   string // the Call-ID of all its messages
	From, To string // the values of both headers as the caller wrote them
	Asked    string // the Request-URI as the caller, or the script before track, wrote it

	A    Side  // the caller
	Legs []Leg // in the order in which they were sent

	State State   // how far it is
	By    Who     // ended it
	Held  bool    `json:",omitempty"` // both parties were put on hold
	Fixed Fixed   `json:",omitempty"` // why the parties can't be asked for anything
	CSeq  uint32  // of the INVITE, as the caller wrote it
	Said  [2]Said `json:",omitzero"` // by the caller, and by the callee
	// What stands between the parties; nil: nothing
	Between   *Between `json:",omitempty"`
	Cause     string   // why it ended: a Cause constant, or a word of the response's
	Code      int      // of the response that ended it; 0 for none
	StartedAt int64    // the INVITE came
	RangAt    int64    // the first 18x with a tag
	AnswerAt  int64    // the first 2xx
	EndedAt   int64    // it was over
}

// Said is which version of its description a party has shown (RFC 8866 §5.2).
type Said struct {
	Last  uint64 `json:",omitempty"` // the version that it wrote last, and one; 0 for none
	Newer uint32 `json:",omitempty"` // by so much the other party knows it newer
}

// Leg is one branch of a call, or one user agent behind it.
type Leg struct {
	URI   string // the Request-URI it was sent with; "" for one behind another leg's branch
	Tag   string // the callee's; "" until it gave one
	B     Side   // the callee
	Shown *Shown // what the callee is shown, if that differs from what the caller wrote
	// The highest CSeq numbers that either party has seen of the other; 0 for none
	ToCallee, ToCaller uint32
	// The highest that either party has sent itself: a number may be shifted on its way
	FromCaller, FromCallee uint32
	// What our own requests have taken; nil: nothing
	Own *Own `json:",omitempty"`

	State    State  // how far it is
	Acked    bool   // the ACK of its 2xx has passed
	LostA    uint8  // pings in a row that the caller did not answer
	LostB    uint8  // and the callee
	Code     int    // its last
	Cause    string // of an end without a response
	SentAt   int64  // the branch was
	AnswerAt int64  // its 2xx
	EndedAt  int64  // it was over
}

// Shown are From and To, without the callee's tag, as a callee knows them.
type Shown struct{ From, To string }

// Send notes a branch that is sent, and returns the number of its leg.
func (c *Call) Send(uri string, cseq uint32, shown *Shown, at int64) int {
	if len(c.Legs) >= mostLegs {
		return len(c.Legs) - 1
	}
	c.Legs = append(c.Legs, Leg{URI: uri, ToCallee: cseq, FromCaller: c.CSeq, Shown: shown, SentAt: at})
	return len(c.Legs) - 1
}

// Dial notes somebody who is called for a call of this server's own, and returns the number of the
// leg. The last one is that of the last who was called.
func (c *Call) Dial(uri string, at int64) int {
	l := Leg{URI: uri, SentAt: at}
	if len(c.Legs) >= mostLegs {
		c.Legs[mostLegs-1] = l
		return mostLegs - 1
	}
	c.Legs = append(c.Legs, l)
	return len(c.Legs) - 1
}

// URIs are those that are known of a leg: its target's and its Contact's.
func (c *Call) URIs(leg int) []string {
	if leg < 0 || leg >= len(c.Legs) {
		return nil
	}
	l := &c.Legs[leg]
	return []string{l.URI, l.B.URI}
}

// mostLegs bounds the legs of a call; the last one stands for all beyond.
const mostLegs = 64

// find is the leg with a tag among those of the branch that began with leg n, or leg n itself while
// it has none; a further user agent behind the branch gets a leg of its own. n < 0: any leg.
func (c *Call) find(n int, tag string, at int64) *Leg {
	for i := range c.Legs {
		if c.Legs[i].Tag == tag {
			return &c.Legs[i]
		}
	}
	if n >= 0 && n < len(c.Legs) && c.Legs[n].Tag == "" {
		c.Legs[n].Tag = tag
		return &c.Legs[n]
	}
	l := Leg{Tag: tag, SentAt: at, FromCaller: c.CSeq}
	if n >= 0 && n < len(c.Legs) {
		l.ToCallee, l.Shown, l.SentAt = c.Legs[n].ToCallee, c.Legs[n].Shown, c.Legs[n].SentAt
	}
	if len(c.Legs) >= mostLegs {
		return nil
	}
	c.Legs = append(c.Legs, l)
	return &c.Legs[len(c.Legs)-1]
}

// Response is a response below 300 to the INVITE.
type Response struct {
	Leg   int          // the branch's, by Send; -1 if that is not known any more
	Code  int          // 101 to 299
	Tag   string       // its To tag
	Asked uint32       // the CSeq number that the callee answered
	B     engine.Reach // where its sender is reached
}

// Respond notes a response below 300. A 2xx to a call that has ended changes nothing: the caller
// has had its final answer.
func (c *Call) Respond(r *Response, at int64) Change {
	if c.State == Ended {
		return None
	}
	if r.Tag == "" { // no dialog: an old 1xx (§12.1)
		return None
	}
	l := c.find(r.Leg, r.Tag, at)
	if l == nil || l.State == Ended && (r.Code < 200 || l.Cause != "" || l.Code >= 300) {
		return None
	}
	l.Code, l.ToCallee = r.Code, max(l.ToCallee, r.Asked)
	if r.B.URI != "" {
		l.B.Set(r.B)
		if l.B.URI == l.URI { // one text for both
			l.B.URI = l.URI
		}
	}
	switch {
	case r.Code < 200:
		if c.RangAt == 0 && l.State == Early {
			c.RangAt = at
			return Rang
		}
		return None
	case l.State == Confirmed: // it came again
		return None
	}
	l.State, l.AnswerAt, l.EndedAt = Confirmed, at, 0
	if c.State == Confirmed {
		return None
	}
	c.State, c.AnswerAt, c.Code = Confirmed, at, r.Code
	return Answered
}

// Fail notes how a branch failed.
func (c *Call) Fail(leg, code int, cause string, at int64) {
	if leg < 0 || leg >= len(c.Legs) {
		return
	}
	if l := &c.Legs[leg]; l.State == Early {
		l.State, l.Code, l.Cause, l.EndedAt = Ended, code, cause, at
	}
}

// Finish notes that the INVITE is over: nothing of it is left to be sent. A call that nobody
// answered ends with it.
func (c *Call) Finish(code int, by Who, cause string, at int64) Change {
	if c.State != Early {
		c.settle(at)
		return None
	}
	return c.End(by, cause, code, at)
}

// settle ends the legs of a call that did not answer: those that did go on.
func (c *Call) settle(at int64) {
	for i := range c.Legs {
		if l := &c.Legs[i]; l.State == Early {
			l.State, l.EndedAt = Ended, at
		}
	}
}

// Leg is the leg whose callee has the tag, nil for none.
func (c *Call) Leg(tag string) *Leg {
	for i := range c.Legs {
		if tag != "" && c.Legs[i].Tag == tag {
			return &c.Legs[i]
		}
	}
	return nil
}

// LegOf is Leg for a tag in a message.
func (c *Call) LegOf(tag []byte) *Leg {
	for i := range c.Legs {
		if len(tag) > 0 && c.Legs[i].Tag == string(tag) {
			return &c.Legs[i]
		}
	}
	return nil
}

// Live reports whether a leg was answered and has not ended.
func (c *Call) Live() *Leg {
	for i := range c.Legs {
		if c.Legs[i].State == Confirmed {
			return &c.Legs[i]
		}
	}
	return nil
}

// Hangup ends one leg that was answered; the call ends with the last one. tag is the callee's. One
// that was not answered ends with the INVITE alone: its 2xx may come yet.
func (c *Call) Hangup(tag string, by Who, cause string, code int, at int64) Change {
	l := c.Leg(tag)
	if l == nil || c.State != Confirmed || l.State != Confirmed {
		return None
	}
	l.State, l.Cause, l.EndedAt = Ended, cause, at
	if c.Live() != nil {
		return None
	}
	return c.End(by, cause, code, at)
}

// End ends a call with all its legs; again, it does nothing.
func (c *Call) End(by Who, cause string, code int, at int64) Change {
	if c.State == Ended {
		return None
	}
	c.settle(at)
	for i := range c.Legs {
		if l := &c.Legs[i]; l.State != Ended {
			l.State, l.Cause, l.EndedAt = Ended, cause, at
		}
	}
	c.State, c.By, c.Cause, c.EndedAt = Ended, by, cause, at
	if code != 0 {
		c.Code = code
	}
	return Over
}

// Parties are where the caller and the callees are reached; changes are changes of the call.
func (c *Call) Parties() []*Side {
	list := []*Side{&c.A}
	for i := range c.Legs {
		list = append(list, &c.Legs[i].B)
	}
	return list
}
