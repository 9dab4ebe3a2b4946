package ring

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/transport"
)

// at lets time pass and records a message; the first two fields of what say which way, and whom.
func (b *bench) at(ms int, what, start, callID, cseq string, more ...string) {
	way, who, _ := strings.Cut(what, " ")
	b.clock.now = b.clock.now.Add(time.Duration(ms) * time.Millisecond)
	from, to := "<sip:alice@a.example>;tag=a", "<sip:bob@b.example>"
	if strings.Contains(what, "reverse") {
		from, to = "<sip:bob@b.example>;tag=b", "<sip:alice@a.example>;tag=a"
	}
	who, _, _ = strings.Cut(who, " ")
	text := start + "\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nFrom: " + from + "\r\nTo: " + to + "\r\nCall-ID: " + callID + "\r\nCSeq: " + cseq + "\r\n" + strings.Join(more, "")
	b.o.Message(&engine.Observed{Bytes: []byte(text + "\r\n"), At: b.clock.now, Sent: way == "to", Kind: transport.UDP, Peer: netip.MustParseAddrPort(who + ":5060"), Local: local})
}

const (
	alice, bob = "10.0.0.2", "10.0.0.3"
	inv        = "INVITE sip:bob@b.example SIP/2.0"
)

// story is what a list of calls tells, one line each.
func story(list []*Call) string {
	var lines []string
	for _, c := range list {
		since := func(t time.Time) int64 {
			if t.IsZero() {
				return -1
			}
			return t.Sub(c.Began).Milliseconds()
		}
		lines = append(lines, fmt.Sprintf("%s %v %s %s %d by %q rang %d answered %d ended %d messages %d", c.ID, c.Others, c.Method, c.State, c.Code, c.EndedBy, since(c.Rang), since(c.Answered), since(c.Ended), c.Messages))
	}
	return strings.Join(lines, "\n")
}

func TestCalls(t *testing.T) {
	for _, c := range []struct {
		name  string
		write func(b *bench)
		want  string
	}{
		{"a call", func(b *bench) {
			b.at(0, "from "+alice, inv, "1", "1 INVITE")
			b.at(1, "to "+bob, inv, "1", "1 INVITE")
			b.at(5, "from "+bob, "SIP/2.0 180 Ringing", "1", "1 INVITE")
			b.at(1, "to "+alice, "SIP/2.0 180 Ringing", "1", "1 INVITE")
			b.at(10, "from "+bob, "SIP/2.0 200 OK", "1", "1 INVITE")
			b.at(1, "to "+alice, "SIP/2.0 200 OK", "1", "1 INVITE")
			b.at(100, "from "+bob+" reverse", "BYE sip:alice@a SIP/2.0", "1", "1 BYE")
			b.at(1, "to "+bob+" reverse", "SIP/2.0 200 OK", "1", "1 BYE")
		}, `1 [] INVITE ended 200 by "callee" rang 7 answered 18 ended 119 messages 8`},
		{"one that is challenged and then fails", func(b *bench) {
			b.at(0, "from "+alice, inv, "1", "1 INVITE")
			b.at(1, "to "+alice, "SIP/2.0 407 Auth", "1", "1 INVITE")
			b.at(1, "from "+alice, inv, "1", "2 INVITE")
			b.at(1, "to "+alice, "SIP/2.0 486 Busy", "1", "2 INVITE")
		}, `1 [] INVITE failed 486 by "server" rang -1 answered 3 ended 3 messages 4`},
		{"one that the caller gives up", func(b *bench) {
			b.at(0, "from "+alice, inv, "1", "1 INVITE")
			b.at(1, "from "+alice, "CANCEL sip:bob@b SIP/2.0", "1", "1 CANCEL")
			b.at(1, "to "+alice, "SIP/2.0 487 Terminated", "1", "1 INVITE")
		}, `1 [] INVITE failed 487 by "caller" rang -1 answered 2 ended 2 messages 3`},
		{"a Call-ID that is hidden from the callee", func(b *bench) {
			b.at(0, "from "+alice, inv, "1", "1 INVITE")
			b.at(1, "to "+bob, inv, "hidden1", "1 INVITE")
			b.at(1, "from "+bob, "SIP/2.0 180 Ringing", "hidden1", "1 INVITE")
		}, `1 [hidden1] INVITE trying 0 by "" rang -1 answered -1 ended -1 messages 3`},
		{"one Session-ID (RFC 7989)", func(b *bench) {
			const id = "Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote="
			b.at(0, "from "+alice, inv, "1", "1 INVITE", id+strings.Repeat("0", 32)+"\r\n")
			b.at(1, "to "+bob, inv, "other", "7 INVITE", "session-id: AB30317F1A784DC48FF824D0D3715D86\r\n")
			b.at(1, "from "+alice, inv, "2", "1 INVITE", "Session-ID: "+strings.Repeat("0", 32)+"\r\n")
			b.at(1, "from "+alice, inv, "3", "1 INVITE", "Session-ID: "+strings.Repeat("0", 32)+"\r\n")
		}, "1 [other] INVITE trying 0 by \"\" rang -1 answered -1 ended -1 messages 2\n2 [] INVITE trying 0 by \"\" rang -1 answered -1 ended -1 messages 1\n3 [] INVITE trying 0 by \"\" rang -1 answered -1 ended -1 messages 1"},
		{"two legs that a step links", func(b *bench) {
			b.at(0, "from "+alice, inv, "1", "1 INVITE")
			b.at(1, "to "+bob, inv, "2", "1 INVITE")
			b.o.Step(&engine.ObservedStep{At: b.clock.now, CallID: []byte("1"), CSeq: 1, Function: Link, Answer: "2"})
			b.at(1, "from "+bob, "SIP/2.0 180 Ringing", "2", "1 INVITE")
		}, `1 [2] INVITE trying 0 by "" rang -1 answered -1 ended -1 messages 3`},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, MinSize)
			b.ring.opts.Reveal = func(id []byte) ([]byte, bool) {
				rest, ok := strings.CutPrefix(string(id), "hidden")
				return []byte(rest), ok
			}
			c.write(b)
			list, err := b.ring.Calls(Filter{}, 0)
			if err != nil {
				t.Fatal(err)
			}
			for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 { // oldest first
				list[i], list[j] = list[j], list[i]
			}
			if got := story(list); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			// Any of its Call-IDs finds all of a call
			for _, id := range append([]string{list[0].ID}, list[0].Others...) {
				if _, records, err := b.ring.Call(id); err != nil || len(records) != list[0].Messages+list[0].Steps {
					t.Errorf("by %s: %d records, %v", id, len(records), err)
				}
			}
		})
	}
}

func TestFilter(t *testing.T) {
	b := newBench(t, MinSize)
	b.at(0, "from "+alice, inv, "abc-1", "1 INVITE")
	b.at(1, "to "+alice, "SIP/2.0 486 Busy", "abc-1", "1 INVITE")
	b.o.Step(&engine.ObservedStep{CallID: []byte("abc-1"), Function: Mark, Answer: "vip"})
	b.at(0, "from "+bob+" reverse", "OPTIONS sip:10.0.0.1 SIP/2.0", "xyz-2", "1 OPTIONS")
	for name, c := range map[string]struct {
		f    Filter
		want string
	}{
		"all":              {Filter{}, "xyz-2 abc-1"},
		"callee":           {Filter{User: "bob"}, "xyz-2 abc-1"},
		"nobody":           {Filter{User: "bo"}, ""},
		"call-id":          {Filter{CallID: "abc"}, "abc-1"},
		"from":             {Filter{From: "alice@"}, "abc-1"},
		"to":               {Filter{To: "alice"}, "xyz-2"},
		"method":           {Filter{Method: "options"}, "xyz-2"},
		"code":             {Filter{Code: 486}, "abc-1"},
		"class":            {Filter{Code: 4}, "abc-1"},
		"another code":     {Filter{Code: 404}, ""},
		"address":          {Filter{IP: netip.MustParseAddr(bob)}, "xyz-2"},
		"name":             {Filter{Name: "vip"}, "abc-1"},
		"state":            {Filter{State: Failed}, "abc-1"},
		"both must choose": {Filter{User: "bob", Method: "INVITE"}, "abc-1"},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := b.ring.Calls(c.f, 0)
			var ids []string
			for _, x := range list {
				ids = append(ids, x.ID)
			}
			if got := strings.Join(ids, " "); err != nil || got != c.want {
				t.Errorf("%q %v, want %q", got, err, c.want)
			}
		})
	}
	if list, _ := b.ring.Calls(Filter{}, 1); len(list) != 1 || list[0].ID != "xyz-2" {
		t.Errorf("the newest: %v", list)
	}
}

// A client that says one Session-ID for ever hides no call (RFC 7989 §5 wants one for each).
func TestConstantSession(t *testing.T) {
	b := newBench(t, 0)
	const calls = 40
	for i := range calls {
		b.at(1, "from "+alice, inv, fmt.Sprint(i, "@h"), "1 INVITE", "Session-ID: ab30317f1a784dc48ff824d0d3715d86\r\n")
	}
	for i := range calls {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			if c, records, err := b.ring.Call(fmt.Sprint(i, "@h")); c == nil || len(records) != c.Messages || err != nil {
				t.Errorf("%v: %d records, %v", c, len(records), err)
			}
		})
	}
}

// A book forgets the oldest calls.
func TestBookIsBounded(t *testing.T) {
	b := newBench(t, 0)
	for i := range 50 {
		b.at(1, "from "+alice, inv, fmt.Sprint("call-", i), "1 INVITE")
	}
	book := b.ring.NewBook(10)
	if err := b.ring.each(func(r *Record) bool { book.Add(r); return true }); err != nil {
		t.Fatal(err)
	}
	if n := len(book.Calls()); n != 10 || len(book.byID) != 10 || len(book.byHash) != 10 || book.Find("call-49") == nil || book.Find("call-1") != nil {
		t.Errorf("%d calls, %d ids, %d hashes", n, len(book.byID), len(book.byHash))
	}
}
