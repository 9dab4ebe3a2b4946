package spec

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind"
)

// This file waits for messages, and says what arrived instead.

const (
	patience = 10 * time.Second // of expect
	quiet    = time.Second      // of expect_nothing
)

// expectOptions are those of expect.
type expectOptions struct {
	Within  time.Duration     `lua:"within" doc:"seconds; default 10"`
	Headers map[string]string `lua:"headers" doc:"{Name = pattern}: one of the header's values must match"`
	SDP     sdpWanted         `lua:"sdp" doc:"{direction=, codec=, address=, hold=}: the description must be so; false: there must be none"`
}

// wanted is what an expect waits for.
type wanted struct {
	text   string
	method string // "" for a response
	low    int    // the codes of a response
	high   int
	within time.Duration
	expectOptions
}

// wantedArg reads the arguments of expect.
var wantedArg = luabind.ArgOf(want,
	luabind.Param{Name: "what", Type: luabind.String, Or: []luabind.Type{luabind.Integer}, Doc: "a method (\"INVITE\"), a code, or a class (\"2xx\")"},
	luabind.Param{Name: "options", Type: luabind.Table, Optional: true, Options: expectOptions{}})

// quietArg is how long expect_nothing waits.
var quietArg = luabind.SecondsArg("seconds", "to wait").Default(quiet, "1")

func want(c *luabind.Call, n int) wanted {
	x := wanted{within: patience}
	x.text = c.String(n)
	if !x.codes() {
		if x.text == "" || x.text[0] >= '0' && x.text[0] <= '9' {
			c.Raise("%q is neither a method (\"INVITE\") nor a code (180, \"2xx\")", x.text)
		}
		if x.method = strings.ToUpper(x.text); x.method != x.text {
			c.Raise("methods are written in upper case: %q", x.method)
		}
	}
	o := expectOptions{Within: patience}
	c.Decode(n+1, &o)
	x.within, x.expectOptions = o.Within, o
	return x
}

// codes reads the text as a code, or a class of them.
func (x *wanted) codes() bool {
	if len(x.text) != 3 || x.text[0] < '1' || x.text[0] > '6' {
		return false
	}
	if strings.EqualFold(x.text[1:], "xx") {
		x.low = int(x.text[0]-'0') * 100
		x.high = x.low + 99
		return true
	}
	n, err := strconv.Atoi(x.text)
	x.low, x.high = n, n
	return err == nil
}

// request waits for a request to the phone, in the dialog or call with a Call-ID, or in any ("").
func (w *world) request(c *luabind.Call, p *phone.Phone, x wanted, callID string) *received {
	var got *phone.Incoming
	if w.wait(c, x.within, func() bool { got = pick(p, x.method, callID); return got != nil }) {
		got.Taken = true
		x.check(c, p, got.Msg)
		return &received{w, got}
	}
	c.Raise("%s: no %s came within %s; %s", p.Name(), x.text, seconds(x.within), came(p, callID))
	return nil
}

// pick is the first request with the method that nobody has seen.
func pick(p *phone.Phone, method, callID string) *phone.Incoming {
	for _, r := range p.Inbox() {
		if !r.Taken && r.Method() == method && (callID == "" || string(r.Msg.CallID()) == callID) {
			return r
		}
	}
	return nil
}

// came says which requests came to the phone.
func came(p *phone.Phone, callID string) string {
	var fresh, seen []string
	for _, r := range p.Inbox() {
		switch {
		case callID != "" && string(r.Msg.CallID()) != callID:
		case r.Taken:
			seen = append(seen, r.Method())
		default:
			fresh = append(fresh, r.Method())
		}
	}
	return summary(fresh, seen)
}

// summary says what arrived, and what of it was expected.
func summary(fresh, seen []string) string {
	fresh, seen = counted(fresh), counted(seen)
	text := "nothing came"
	if len(fresh) > 0 {
		text = "received " + strings.Join(fresh, ", ")
	} else if len(seen) > 0 {
		text = "nothing more came"
	}
	if len(seen) > 0 {
		text += " (expected before: " + strings.Join(seen, ", ") + ")"
	}
	return text
}

// counted writes what occurs several times in a row once, with its number.
func counted(list []string) (short []string) {
	for i := 0; i < len(list); {
		n := 1
		for i+n < len(list) && list[i+n] == list[i] {
			n++
		}
		if n == 1 {
			short = append(short, list[i])
		} else {
			short = append(short, fmt.Sprintf("%d × %s", n, list[i]))
		}
		i += n
	}
	return short
}

// response waits for a response to o. Provisional ones that come before it are skipped; another
// final one fails at once.
func (w *world) response(c *luabind.Call, o *phone.Outgoing, x wanted) *phone.Answer {
	var got, other *phone.Answer
	w.wait(c, x.within, func() bool {
		got, other = nil, nil
		for _, a := range o.Answers {
			if a.Taken {
				continue
			}
			if code := a.Msg.Status(); code >= x.low && code <= x.high {
				got = a
				return true
			} else if code >= 200 {
				other = a
				return true
			}
		}
		return o.Err != nil
	})
	what := fmt.Sprintf("%s: %s %s", o.Phone().Name(), o.Method(), o.URI())
	switch {
	case got != nil:
		for _, a := range o.Answers {
			a.Taken = true
			if a == got {
				break
			}
		}
		return got
	case other != nil:
		c.Raise("%s was answered %s, want %s", what, status(other.Msg), x.text)
	case o.Err != nil:
		c.Raise("%s failed: %v; want %s; %s", what, o.Err, x.text, answers(o))
	}
	c.Raise("%s: no %s came within %s; %s", what, x.text, seconds(x.within), answers(o))
	return nil
}

// answers says which responses came.
func answers(o *phone.Outgoing) string {
	var fresh, seen []string
	for _, a := range o.Answers {
		if a.Taken {
			seen = append(seen, status(a.Msg))
		} else {
			fresh = append(fresh, status(a.Msg))
		}
	}
	return summary(fresh, seen)
}

// nothing waits, and fails if anything is left that nobody expected: requests except ACK, responses
// except 100.
func (w *world) nothing(c *luabind.Call, p *phone.Phone, o *phone.Outgoing, callID string, d time.Duration) {
	left := func() (list []string) {
		if o != nil {
			for _, a := range o.Answers {
				if !a.Taken && a.Msg.Status() > 100 {
					list = append(list, status(a.Msg))
				}
			}
		}
		for _, r := range p.Inbox() {
			if !r.Taken && r.Method() != "ACK" && (callID == "" || string(r.Msg.CallID()) == callID) {
				list = append(list, r.Method())
			}
		}
		return list
	}
	if w.wait(c, d, func() bool { return len(left()) > 0 }) {
		c.Raise("%s: received %s", p.Name(), strings.Join(left(), ", "))
	}
}

func status(m *message.Message) string { return fmt.Sprintf("%d %s", m.Status(), m.ReasonPhrase()) }

// seconds is a time as an author writes it.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " s"
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
