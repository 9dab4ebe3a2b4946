package dialog_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim"
)

const rawSDP = "v=0\r\no=- 1 1 IN IP4 10.0.9.9\r\ns=-\r\nc=IN IP4 10.0.9.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"

const rawContact = "Contact: <sip:raw@10.0.2.1:5060>\r\n"

// raw is a party that says what no phone of package phone does.
type raw struct {
	h   *sim.Host
	got []string
	on  func(text string)
	tcp bool // it answers on the connection that the last request came by
	by  sim.Packet
}

func (b *bench) raw(addr string) *raw {
	r := &raw{}
	r.h = b.w.Host(addr, func(p sim.Packet) {
		text := string(p.Bytes)
		r.by = p
		r.got = append(r.got, text)
		if r.on != nil {
			r.on(text)
		}
	})
	return r
}

// hdr is the value of a header, on one line.
func hdr(text, name string) string {
	for _, l := range strings.Split(text, "\r\n") {
		if strings.HasPrefix(l, name+":") {
			return strings.TrimSpace(l[len(name)+1:])
		}
	}
	return ""
}

// count is how many messages begin so, and the last of them.
func (r *raw) count(prefix string) (n int, last string) {
	for _, t := range r.got {
		if strings.HasPrefix(t, prefix) {
			n++
			last = t
		}
	}
	return n, last
}

// reply answers a request, with a tag in To or with what is there.
func (r *raw) reply(req string, code int, tag, extra, body string) {
	to := hdr(req, "To")
	if tag != "" {
		to, _, _ = strings.Cut(to, ";tag=")
		to += ";tag=" + tag
	}
	kind := ""
	if body != "" {
		kind = "Content-Type: application/sdp\r\n"
	}
	r.send(fmt.Appendf(nil, "SIP/2.0 %d X\r\nVia: %s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n%s%sContent-Length: %d\r\n\r\n%s", code,
		hdr(req, "Via"), hdr(req, "From"), to, hdr(req, "Call-ID"), hdr(req, "CSeq"), extra, kind, len(body), body))
}

func (r *raw) send(b []byte) {
	if r.tcp {
		r.h.Answer(r.by, b)
		return
	}
	r.h.Send(here, b)
}

// bye ends the dialog of an INVITE that the party was sent.
func (r *raw) bye(invite, from string, number int) {
	r.h.Send(here, fmt.Appendf(nil, "BYE sip:x@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKbye%d\r\nFrom: %s;tag=b\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
		here, from, number, hdr(invite, "To"), hdr(invite, "From"), hdr(invite, "Call-ID"), number))
}

// empty checks that no leg is left after a while, for whatever the parties do.
func (b *bench) empty(after time.Duration) {
	b.t.Helper()
	b.w.Run(after)
	if n := b.agent.Calls(); n != 0 {
		b.t.Errorf("%d legs are left", n)
	}
}

// hangsUp checks that a party was told that its call is over.
func (b *bench) hangsUp(t *testing.T, r *raw) {
	t.Helper()
	if n, _ := r.count("BYE"); n == 0 {
		t.Error("the party got no BYE")
	}
}
