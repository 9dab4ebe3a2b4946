//go:build unix

package presence_test

// This file measures: what a publication with 100 watchers costs beside 100 MESSAGE relays, and
// what a subscription and a publication hold.

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/internal/cputime"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// herd is a host that answers each request with 200, and counts.
type herd struct {
	*sim.Host
	requests, answers int
	last              []byte // of the answers
}

func (w *world) herd(addr string) *herd {
	h := &herd{}
	h.Host = w.Sim.Host(addr, func(in sim.Packet) {
		m := new(message.Message)
		if err := m.Parse(in.Bytes, nil); err != nil {
			w.T.Fatal(err)
		}
		if m.IsRequest() {
			h.requests++
			h.Answer(in, message.AppendResponse(nil, m, 200, "", "herd", nil, nil))
			return
		}
		h.answers++
		h.last = append(h.last[:0], in.Bytes...)
	})
	return h
}

// watch begins n subscriptions, the i-th by its own watcher to a user.
func (h *herd) watch(w *world, n int, user func(i int) string) {
	for i := range n {
		h.Send(luabindtest.Addr, []byte(fmt.Sprintf("SUBSCRIBE %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKw%d\r\nMax-Forwards: 70\r\nFrom: <sip:w%d@example.com>;tag=w%08x\r\nTo: <%s>\r\n"+
			"Call-ID: %016x%016x\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:w%d@%s>\r\nEvent: presence\r\nX-Trusted: y\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n",
			user(i), h.Addr(), i, i, i, user(i), i*7919, i*104729, i, h.Addr())))
		if i%100 == 99 {
			w.Run(50 * time.Millisecond)
		}
	}
	w.Run(time.Minute) // until transactions are forgotten
	if h.requests != n {
		w.T.Fatalf("%d of %d watchers were told", h.requests, n)
	}
}

func document(i int) string { return pidf(fmt.Sprint("t", i), "open") }

func (h *herd) publish(user string, i int, body, lines string) {
	h.Send(luabindtest.Addr, []byte(fmt.Sprintf("PUBLISH %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKp%s%d\r\nMax-Forwards: 70\r\nFrom: <%s>;tag=p\r\nTo: <%s>\r\n"+
		"Call-ID: p-%s-%d\r\nCSeq: %d PUBLISH\r\nEvent: presence\r\nX-Trusted: y\r\n%sContent-Type: application/pidf+xml\r\nContent-Length: %d\r\n\r\n%s",
		user, h.Addr(), user[4:8], i, user, user, user[4:], i, i+1, lines, len(body), body)))
}

// BenchmarkPublish is one publication that 100 watchers are told, beside 100 MESSAGEs that are
// relayed: each has a request and an answer to a phone, the MESSAGE those of its sender too.
func BenchmarkPublish(b *testing.B) {
	const n = 100
	b.Run("100 watchers", func(b *testing.B) {
		w := newWorld(b, everybody)
		h, bob := w.herd("10.0.3.1:5060"), w.herd("10.0.3.2:5060")
		h.watch(w, n, func(int) string { return "sip:bob@example.com" })
		tag := ""
		i := 0
		defer processor(b)()
		for b.Loop() {
			want := h.requests + n
			lines := ""
			if tag != "" {
				lines = "SIP-If-Match: " + tag + "\r\n"
			}
			bob.publish("sip:bob@example.com", i, document(i), lines)
			i++
			if !w.Sim.RunUntil(10*time.Second, func() bool { return h.requests == want && bob.answers == i }) {
				b.Fatalf("%d were told", h.requests-want+n)
			}
			m := new(message.Message)
			if err := m.Parse(bob.last, nil); err != nil || m.Status() != 200 {
				b.Fatal(m.Status(), err)
			}
			tag = string(m.HeaderName("SIP-ETag"))
		}
	})
	b.Run("100 MESSAGEs", func(b *testing.B) {
		w := newWorld(b, "")
		h, alice := w.herd("10.0.3.1:5060"), w.herd("10.0.3.2:5060")
		h.Send(luabindtest.Addr, []byte("REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.3.1:5060;branch=z9hG4bKr\r\nMax-Forwards: 70\r\nFrom: <sip:bob@example.com>;tag=r\r\nTo: <sip:bob@example.com>\r\n"+
			"Call-ID: r\r\nCSeq: 1 REGISTER\r\nContact: <sip:bob@10.0.3.1:5060>\r\nExpires: 86400\r\nContent-Length: 0\r\n\r\n"))
		w.Run(time.Second)
		body := document(1)
		i := 0
		defer processor(b)()
		for b.Loop() {
			want := alice.answers + n
			for range n {
				i++
				alice.Send(luabindtest.Addr, []byte(fmt.Sprintf("MESSAGE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.3.2:5060;branch=z9hG4bKm%d\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=a%d\r\n"+
					"To: <sip:bob@example.com>\r\nCall-ID: m-%d\r\nCSeq: 1 MESSAGE\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", i, i, i, len(body), body)))
			}
			if !w.Sim.RunUntil(10*time.Second, func() bool { return alice.answers == want }) {
				b.Fatalf("%d were answered", alice.answers-want+n)
			}
		}
	})
}

// processor reports the processor time of what follows until it is called again, the phones'
// included: that does not depend on what else the machine does.
func processor(b *testing.B) func() {
	before := cputime.Used()
	return func() { b.ReportMetric(float64(cputime.Used()-before)/float64(b.N), "cpu-ns/op") }
}

// BenchmarkHeap is what 100,000 subscriptions to 10,000 users hold, and 10,000 publications.
func BenchmarkHeap(b *testing.B) {
	const subscriptions, publications = 100_000, 10_000
	user := func(i int) string { return fmt.Sprintf("sip:user%05d@example.com", i%publications) }
	for b.Loop() {
		w := newWorld(b, everybody+" max_per_watcher = 1000000")
		h, p := w.herd("10.0.3.1:5060"), w.herd("10.0.3.2:5060")
		w.Run(time.Minute)
		before := heap()
		h.watch(w, subscriptions, user)
		after := heap()
		b.ReportMetric(float64(after-before)/subscriptions, "B/subscription")
		for i := range publications {
			p.publish(user(i), i, document(i), "")
			if i%100 == 99 {
				w.Run(50 * time.Millisecond)
			}
		}
		w.Run(time.Minute)
		b.ReportMetric(float64(heap()-after)/publications, "B/publication")
		if p.answers != publications || h.requests != 2*subscriptions {
			b.Fatalf("%d published, %d told", p.answers, h.requests-subscriptions)
		}
		runtime.KeepAlive(w)
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}
