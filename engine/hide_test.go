package engine_test

// What one side of a hidden call sees of the other: every byte that leaves is searched.

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
)

// hiding is a call between alice, behind a proxy at 10.0.0.77, and bob, behind one at 10.0.0.88.
type hiding struct {
	*bench
	alice, bob   *handset // what reaches their proxies, and themselves
	aliceP, bobP *handset
	mangle       func(uri string) string // what phones do to URIs they send back
	o            engine.HideOptions
	quietly      bool // nothing is hidden
	sizes        map[string]int
	callID       string // as alice has it
	cseq         int
	secrets      [2][]string // of alice's side, of bob's
	seen         []string    // requests as the router saw them
}

const (
	aliceContact = `"Alice's desk" <sip:alice-secret@10.0.0.2:5060;ob>;+sip.instance="<urn:uuid:11111111-aaaa>";audio`
	bobContact   = `<sip:bob-secret@10.0.0.3:5060>;video`
)

func newHiding(t *testing.T, o engine.HideOptions, quietly bool) *hiding {
	h := &hiding{o: o, quietly: quietly, callID: "callid-secret", sizes: map[string]int{}, mangle: func(s string) string { return s }}
	h.secrets[0] = []string{"10.0.0.2", "10.0.0.77", "alice-secret", "11111111-aaaa", "desk"}
	h.secrets[1] = []string{"10.0.0.3", "10.0.0.88", "bob-secret"}
	if o.CallID {
		h.secrets[0] = append(h.secrets[0], "callid-secret")
	}
	h.bench = newBench(t, 7, func(r *engine.Request) error {
		h.seen = append(h.seen, fmt.Sprintf("%s %s %s", r.Message().MethodText(), r.Message().RequestURI(), r.Message().CallID()))
		if r.InDialog() {
			_, err := r.Relay(nil, nil)
			return err
		}
		if err := r.RecordRoute(); err != nil {
			return err
		}
		if !h.quietly {
			if err := r.Hide(h.o); err != nil {
				return err
			}
		}
		target := to("sip:bob-secret@10.0.0.3:5060")
		if !bytes.HasPrefix(r.Message().RequestURI(), []byte("sip:bob@")) {
			target = to(string(r.Message().RequestURI())) // revealed
		}
		_, err := r.Relay(target, nil)
		return err
	})
	h.alice, h.bob = h.phone("10.0.0.2:5060"), h.phone("10.0.0.3:5060")
	h.aliceP, h.bobP = h.phone("10.0.0.77:5060"), h.phone("10.0.0.88:5060")
	h.w.Trace(func(p sim.Packet) {
		line, _, _ := strings.Cut(string(p.Bytes), "\r\n")
		h.log = append(h.log, fmt.Sprintf("%s → %s  %s", p.From, p.To, line))
		if p.From.String() != proxyAddr {
			return
		}
		h.search(p.To, p.Bytes)
		name := strings.Fields(line)[0]
		if strings.HasPrefix(line, "SIP/2.0") {
			name = strings.Fields(line)[1]
		}
		if _, there := h.sizes[name]; !there {
			h.sizes[name] = len(p.Bytes)
		}
	})
	return h
}

// search looks for what the recipient must not see.
func (h *hiding) search(dst netip.AddrPort, b []byte) {
	other := 0
	if a := dst.Addr().String(); a == "10.0.0.2" || a == "10.0.0.77" {
		other = 1
	}
	for _, s := range h.secrets[other] {
		if !h.quietly && bytes.Contains(b, []byte(s)) {
			h.t.Errorf("%s is sent to %s:\n%s", s, dst, b)
		}
	}
}

// uriOf is the URI of a header's element.
func uriOf(t *testing.T, value []byte) string {
	t.Helper()
	a, err := message.ParseAddress(value)
	if err != nil {
		t.Fatalf("%q: %v", value, err)
	}
	return string(a.URI)
}

func recordRoutes(m *message.Message) (list []string) {
	for e := m.Elements(message.HeaderRecordRoute); e.Next(); {
		list = append(list, string(e.Value))
	}
	return list
}

// routes are Route lines of what is left of a route set after the sender's own proxy.
func (h *hiding) routes(list []string, own string) string {
	var b strings.Builder
	for _, r := range list {
		if !strings.Contains(r, own) {
			uri := uriOf(h.t, []byte(r))
			fmt.Fprintf(&b, "Route: <%s>\r\n", h.mangle(uri))
		}
	}
	return b.String()
}

// send sends a request from the proxy of a side.
func (h *hiding) send(from *handset, method, uri, callID, fromTag, toTag, contact, routes, more string) {
	h.cseq++
	to, from2 := "<sip:bob@example.com>", "<sip:alice@example.com>"
	if from == h.bobP {
		to, from2 = from2, to
	}
	if toTag != "" {
		to += ";tag=" + toTag
	}
	name, at := "10.0.0.2", from.Addr().String()
	if from == h.bobP {
		name = "10.0.0.3"
	}
	n := h.cseq
	if method == "ACK" || method == "CANCEL" {
		n--
		h.cseq--
	}
	branch := fmt.Sprintf("z9hG4bK-%s-%d", name, n)
	if method == "ACK" {
		branch += "-ack"
	}
	from.Send(proxyAddr, []byte(fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s\r\nVia: SIP/2.0/UDP %s:5060;branch=%s-own;received=%s\r\nMax-Forwards: 69\r\nFrom: %s;tag=%s\r\nTo: %s\r\n"+
		"Call-ID: %s\r\nCSeq: %d %s\r\n%s%s%sContent-Length: 0\r\n\r\n", method, uri, at, branch, name, branch, name, from2, fromTag, to, callID, n, method, contact, routes, more)))
}

// reply answers a request.
func (h *hiding) reply(ph *handset, r *received, code int, headers string) {
	ph.Answer(r.p, message.AppendResponse(nil, r.msg, code, "", "b", []byte(headers), nil))
}

// hiddenDialog is a call that is answered: what each side knows of it.
type hiddenDialog struct {
	aliceURI, bobURI       string // what alice sends to, what bob sends to
	aliceRoutes, bobRoutes []string
	bobCallID              string
}

const upstream = "Record-Route: <sip:10.0.0.77;lr>\r\n"

// invite begins a call and has it answered.
func (h *hiding) invite() (d hiddenDialog) {
	h.t.Helper()
	h.send(h.aliceP, "INVITE", "sip:bob@example.com", h.callID, "a", "", "Contact: "+aliceContact+"\r\n", upstream, "Warning: 399 10.0.0.9 \"x\"\r\n")
	in := h.bob.expect("INVITE")
	d.bobURI, d.bobCallID = h.mangle(uriOf(h.t, in.msg.Header(message.HeaderContact))), string(in.msg.CallID())
	d.bobRoutes = recordRoutes(in.msg)
	h.reply(h.bob, in, 180, "Contact: "+bobContact+"\r\n")
	h.aliceP.expect("180")
	answer := message.AppendResponse(nil, in.msg, 200, "", "b", []byte("Contact: "+bobContact+"\r\n"), nil)
	if !h.quietly && bytes.Count(answer, []byte("Record-Route:")) != 1 {
		h.t.Errorf("bob has Record-Routes of the other side:\n%s", answer)
	}
	answer = bytes.Replace(answer, []byte("Record-Route:"), []byte("Record-Route: <sip:10.0.0.88;lr>\r\nRecord-Route:"), 1)
	h.bob.Answer(in.p, answer)
	ok := h.aliceP.expect("200")
	if vias := ok.msg.Elements(message.HeaderVia); !vias.Next() || !strings.Contains(string(vias.Value), "10.0.0.77") || !vias.Next() || !strings.Contains(string(vias.Value), "10.0.0.2:5060") {
		h.t.Errorf("alice's Vias did not come back:\n%s", ok.p.Bytes)
	}
	if got := string(ok.msg.CallID()); got != h.callID {
		h.t.Errorf("alice's Call-ID became %s", got)
	}
	d.aliceURI, d.aliceRoutes = h.mangle(uriOf(h.t, ok.msg.Header(message.HeaderContact))), recordRoutes(ok.msg)
	slices.Reverse(d.aliceRoutes)
	if !h.quietly && (len(d.aliceRoutes) != 2 || !strings.Contains(d.aliceRoutes[0], "10.0.0.77")) {
		h.t.Errorf("alice's route set is %q", d.aliceRoutes)
	}
	h.fromAlice("ACK", d, "")
	ack := h.bobP.expect("ACK")
	if string(ack.msg.RequestURI()) != "sip:bob-secret@10.0.0.3:5060" || !strings.Contains(string(ack.msg.Header(message.HeaderRoute)), "10.0.0.88") {
		h.t.Errorf("the ACK does not lead to bob:\n%s", ack.p.Bytes)
	}
	return d
}

func (h *hiding) fromAlice(method string, d hiddenDialog, more string) {
	contact := "Contact: " + aliceContact + "\r\n"
	if method == "ACK" || method == "BYE" {
		contact = ""
	}
	h.send(h.aliceP, method, d.aliceURI, h.callID, "a", "b", contact, h.routes(d.aliceRoutes, "10.0.0.77"), more)
}

func (h *hiding) fromBob(method string, d hiddenDialog, more string) {
	contact := "Contact: " + bobContact + "\r\n"
	if method == "ACK" || method == "BYE" {
		contact = ""
	}
	h.send(h.bobP, method, d.bobURI, d.bobCallID, "b", "a", contact, h.routes(d.bobRoutes, "10.0.0.88"), more)
}

// upper writes a URI as some phones send it back: parameters sorted, names and values in capitals.
func upper(uri string) string {
	parts := strings.Split(uri, ";")
	slices.Sort(parts[1:])
	for i := range parts[1:] {
		parts[i+1] = strings.ToUpper(parts[i+1])
	}
	return strings.Join(parts, ";")
}

func TestHiddenCall(t *testing.T) {
	for name, row := range map[string]struct {
		o      engine.HideOptions
		mangle func(string) string
	}{
		"plain":            {},
		"Call-ID":          {o: engine.HideOptions{CallID: true}},
		"a contact's user": {o: engine.HideOptions{ContactUser: "gateway"}},
		"all, in capitals": {engine.HideOptions{CallID: true, ContactUser: "gateway", Warning: true, History: true}, upper},
		"in capitals":      {mangle: upper},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHiding(t, row.o, false)
			if row.mangle != nil {
				h.mangle = row.mangle
			}
			d := h.invite()
			if user := strings.HasPrefix(d.aliceURI, "sip:gateway@"); user != (row.o.ContactUser != "") {
				t.Errorf("alice is shown %s", d.aliceURI)
			}
			if (d.bobCallID == h.callID) == row.o.CallID {
				t.Errorf("bob's Call-ID is %s", d.bobCallID)
			}
			for _, method := range []string{"INVITE", "UPDATE", "INFO", "NOTIFY", "BYE"} {
				t.Run(method+" of the caller", func(t *testing.T) {
					h.fromAlice(method, d, upstream)
					in := h.bobP.expect(method)
					if string(in.msg.RequestURI()) != "sip:bob-secret@10.0.0.3:5060" || string(in.msg.CallID()) != d.bobCallID {
						t.Errorf("%s", in.p.Bytes)
					}
					h.reply(h.bobP, in, 200, "Contact: "+bobContact+"\r\n")
					h.aliceP.expect("200")
					if method == "INVITE" {
						h.fromAlice("ACK", d, "")
						h.bobP.expect("ACK")
					}
				})
			}
			for _, method := range []string{"INVITE", "UPDATE", "INFO", "NOTIFY", "BYE"} {
				t.Run(method+" of the callee", func(t *testing.T) {
					h.fromBob(method, d, "Record-Route: <sip:10.0.0.88;lr>\r\n")
					in := h.aliceP.expect(method)
					if string(in.msg.RequestURI()) != "sip:alice-secret@10.0.0.2:5060;ob" || string(in.msg.CallID()) != h.callID {
						t.Errorf("%s", in.p.Bytes)
					}
					h.reply(h.aliceP, in, 200, "Contact: "+aliceContact+"\r\n")
					ok := h.bobP.expect("200")
					if string(ok.msg.CallID()) != d.bobCallID {
						t.Errorf("%s", ok.p.Bytes)
					}
					if method == "INVITE" {
						h.fromBob("ACK", d, "")
						h.aliceP.expect("ACK")
					}
				})
			}
			for _, s := range h.seen {
				if !strings.HasSuffix(s, h.callID) || strings.Contains(s, "vl-") || strings.Contains(s, "gateway") {
					t.Errorf("the router sees %s", s)
				}
			}
		})
	}
}

// On several lanes each message finds its call; hide record-routes by itself, and only once.
func TestHiddenOnLanes(t *testing.T) {
	const outer = proxyAddr
	for _, callID := range []bool{false, true} {
		t.Run(fmt.Sprint("Call-ID ", callID), func(t *testing.T) {
			o := engine.HideOptions{CallID: callID}
			b := newBenchWith(t, 9, func(r *engine.Request) error {
				if r.InDialog() {
					_, err := r.Relay(nil, nil)
					return err
				}
				if err := r.Hide(o); err != nil {
					return err
				}
				if err := r.Hide(o); err != nil { // again: no second Record-Route
					return err
				}
				if _, err := r.Forward(nil); err == nil {
					t.Error("forward is not refused")
				}
				_, err := r.Relay(to("sip:bob@198.51.100.3:5060"), nil)
				return err
			}, func(c *engine.Config, _ *sim.World) { c.Lanes = 4 })
			alice, bob := b.phone("10.0.0.2:5060"), b.phone("198.51.100.3:5060")
			b.w.Trace(func(p sim.Packet) {
				if p.To.Addr().String() == "198.51.100.3" && bytes.Contains(p.Bytes, []byte("10.0.0.2")) {
					t.Errorf("bob is sent\n%s", p.Bytes)
				}
				if p.To.Addr().String() == "10.0.0.2" && bytes.Contains(p.Bytes, []byte("198.51.100.")) {
					t.Errorf("alice is sent\n%s", p.Bytes)
				}
			})
			for i := range 8 {
				id := fmt.Sprintf("call-%d", i)
				if callID {
					id += "@10.0.0.2"
				}
				text := fmt.Sprintf("INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=a\r\n"+
					"To: <sip:bob@example.com>\r\nCall-ID: %s\r\nCSeq: 1 INVITE\r\nContact: <sip:alice@10.0.0.2:5060>\r\nContent-Length: 0\r\n\r\n", i, id)
				alice.Send(proxyAddr, []byte(text))
				in := bob.expect("INVITE")
				answer := message.AppendResponse(nil, in.msg, 200, "", "b", []byte("Contact: <sip:bob@198.51.100.3:5060>\r\n"), nil)
				bob.Answer(in.p, answer)
				ok := alice.expect("200")
				within := func(method, uri, at, from, to, id string, rr []string) string {
					routes := ""
					for _, r := range rr {
						routes += "Route: " + r + "\r\n"
					}
					return fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s-%d\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: 2 %s\r\n%sContent-Length: 0\r\n\r\n",
						method, uri, at, method, i, from, to, id, method, routes)
				}
				rr := recordRoutes(ok.msg)
				slices.Reverse(rr)
				if len(rr) != 1 || len(recordRoutes(in.msg)) != 1 {
					t.Errorf("%q, %q", rr, recordRoutes(in.msg))
				}
				contact := uriOf(t, ok.msg.Header(message.HeaderContact))
				alice.Send(proxyAddr, []byte(strings.Replace(within("ACK", contact, "10.0.0.2:5060", "<sip:alice@example.com>;tag=a", "<sip:bob@example.com>;tag=b", id, rr), "CSeq: 2", "CSeq: 1", 1)))
				bob.expect("ACK")
				alice.Send(proxyAddr, []byte(within("INFO", contact, "10.0.0.2:5060", "<sip:alice@example.com>;tag=a", "<sip:bob@example.com>;tag=b", id, rr)))
				info := bob.expect("INFO")
				bob.Answer(info.p, message.AppendResponse(nil, info.msg, 200, "", "b", nil, nil))
				alice.expect("200")
				bob.Send(outer, []byte(within("BYE", uriOf(t, in.msg.Header(message.HeaderContact)), "198.51.100.3:5060", "<sip:bob@example.com>;tag=b", "<sip:alice@example.com>;tag=a",
					string(in.msg.CallID()), recordRoutes(in.msg))))
				bye := alice.expect("BYE")
				alice.Answer(bye.p, message.AppendResponse(nil, bye.msg, 200, "", "a", nil, nil))
				bob.expect("200")
			}
		})
	}
}

// A call that is cancelled, refused or redirected; answers that are made here.
func TestHiddenCallThatFails(t *testing.T) {
	for _, callID := range []bool{false, true} {
		t.Run(fmt.Sprint("Call-ID ", callID), func(t *testing.T) {
			h := newHiding(t, engine.HideOptions{CallID: callID}, false)
			h.send(h.aliceP, "INVITE", "sip:bob@example.com", h.callID, "a", "", "Contact: "+aliceContact+"\r\n", "", "")
			in := h.bob.expect("INVITE")
			h.reply(h.bob, in, 180, "Contact: "+bobContact+"\r\n")
			h.aliceP.expect("180")
			h.send(h.aliceP, "CANCEL", "sip:bob@example.com", h.callID, "a", "", "", "", "")
			cancel := h.bob.expect("CANCEL")
			if string(cancel.msg.CallID()) != string(in.msg.CallID()) {
				t.Errorf("the CANCEL has another Call-ID")
			}
			h.reply(h.bob, cancel, 200, "")
			h.reply(h.bob, in, 487, "Warning: 399 pbx \"no\"\r\n")
			h.bob.expect("ACK")
			h.aliceP.expect("487")
			h.callID += "2"
			h.send(h.aliceP, "INVITE", "sip:bob@example.com", h.callID, "a", "", "Contact: "+aliceContact+"\r\n", "", "")
			in = h.bob.expect("INVITE")
			h.reply(h.bob, in, 302, "Contact: <sip:bob-secret@10.0.0.88:5070>\r\nContact: <sip:bob-secret@10.0.0.3:5080>;q=0.5\r\n")
			h.bob.expect("ACK")
			moved := h.aliceP.expect("302")
			target := uriOf(t, moved.msg.Header(message.HeaderContact))
			h.callID += "3"
			h.send(h.aliceP, "INVITE", target, h.callID, "a", "", "Contact: "+aliceContact+"\r\n", "", "")
			h.w.Run(100e6)
			if last := h.seen[len(h.seen)-1]; !strings.HasPrefix(last, "INVITE sip:bob-secret@10.0.0.88:5070 ") {
				t.Errorf("the router sees %s", last)
			}
		})
	}
}

// The same call with and without: how much longer its messages are.
func TestHiddenCallGrowsLittle(t *testing.T) {
	plain, hidden, all := newHiding(t, engine.HideOptions{}, true), newHiding(t, engine.HideOptions{}, false), newHiding(t, engine.HideOptions{CallID: true}, false)
	for _, h := range []*hiding{plain, hidden, all} {
		h.invite()
	}
	for _, row := range []struct {
		name      string
		most, all int
	}{{"INVITE", 130, 180}, {"180", 60, 60}, {"200", 80, 80}, {"ACK", 0, 40}} {
		t.Run(row.name, func(t *testing.T) {
			by, byAll := hidden.sizes[row.name]-plain.sizes[row.name], all.sizes[row.name]-plain.sizes[row.name]
			t.Logf("%s: %d bytes, hidden %+d, with the Call-ID %+d", row.name, plain.sizes[row.name], by, byAll)
			if by > row.most || byAll > row.all {
				t.Errorf("it grew by %d and %d", by, byAll)
			}
		})
	}
}
