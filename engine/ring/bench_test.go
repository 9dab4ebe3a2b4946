package ring

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/transport"
)

const benchSDP = "v=0\r\no=user1 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"

// callTexts are the thirteen messages of a call, as a proxy with Record-Route receives and sends
// them.
func callTexts(n int) []string {
	const own = "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK0f3a9c1d55%08x;rport\r\n"
	rr := fmt.Sprintf("<sip:10.0.0.1;lr;t=5f%028x>", uint64(n)*prime)
	via := func(m string) string {
		return fmt.Sprintf("Via: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK-%d-%s\r\n", n, m)
	}
	from := fmt.Sprintf("From: \"Alice\" <sip:alice@example.com>;tag=1SIPpTag00%d\r\n", n)
	to, tag := "To: <sip:user00001@example.com>", fmt.Sprintf(";tag=b%d", n)
	rest := func(m string) string { return fmt.Sprintf("Call-ID: %d-1@10.0.0.2\r\nCSeq: 1 %s\r\n", n, m) }
	const agent = "Contact: <sip:alice@10.0.0.2:5060>\r\nMax-Forwards: %d\r\nUser-Agent: bench\r\nAllow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE\r\nSupported: replaces, timer\r\n"
	body := fmt.Sprintf("Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", len(benchSDP), benchSDP)
	const none = "Content-Length: 0\r\n\r\n"
	ours := func(k int) string { return fmt.Sprintf(own, n*4+k) }
	bob := "Contact: <sip:bob@10.0.0.3:5060>\r\n"
	record, route := "Record-Route: "+rr+"\r\n", "Route: "+rr+"\r\n"
	ask := func(m string, k int) []string {
		return []string{
			m + " sip:bob@10.0.0.3:5060 SIP/2.0\r\n" + via(m) + route + from + to + tag + "\r\n" + rest(m) + fmt.Sprintf(agent, 70) + none,
			m + " sip:bob@10.0.0.3:5060 SIP/2.0\r\n" + ours(k) + via(m) + from + to + tag + "\r\n" + rest(m) + fmt.Sprintf(agent, 69) + none,
		}
	}
	list := []string{
		"INVITE sip:user00001@example.com SIP/2.0\r\n" + via("INVITE") + from + to + "\r\n" + rest("INVITE") + fmt.Sprintf(agent, 70) + body,
		"SIP/2.0 100 Trying\r\n" + via("INVITE") + from + to + "\r\n" + rest("INVITE") + none,
		"INVITE sip:bob@10.0.0.3:5060 SIP/2.0\r\n" + ours(0) + via("INVITE") + record + from + to + "\r\n" + rest("INVITE") + fmt.Sprintf(agent, 69) + body,
		"SIP/2.0 180 Ringing\r\n" + ours(0) + via("INVITE") + record + from + to + tag + "\r\n" + rest("INVITE") + bob + none,
		"SIP/2.0 180 Ringing\r\n" + via("INVITE") + record + from + to + tag + "\r\n" + rest("INVITE") + bob + none,
		"SIP/2.0 200 OK\r\n" + ours(0) + via("INVITE") + record + from + to + tag + "\r\n" + rest("INVITE") + bob + body,
		"SIP/2.0 200 OK\r\n" + via("INVITE") + record + from + to + tag + "\r\n" + rest("INVITE") + bob + body,
	}
	list = append(append(list, ask("ACK", 1)...), ask("BYE", 2)...)
	return append(list,
		"SIP/2.0 200 OK\r\n"+ours(2)+via("BYE")+from+to+tag+"\r\n"+rest("BYE")+none,
		"SIP/2.0 200 OK\r\n"+via("BYE")+from+to+tag+"\r\n"+rest("BYE")+none)
}

// BenchmarkCall is what a call's thirteen messages cost to remember: time, and bytes in the ring.
func BenchmarkCall(b *testing.B) {
	x := newBench(b, 0)
	var calls [64][][]byte
	var ids [64][]byte
	size := 0
	for i := range calls {
		ids[i] = fmt.Appendf(nil, "%d-1@10.0.0.2", i+1000)
		for _, text := range callTexts(i + 1000) {
			calls[i] = append(calls[i], []byte(text))
			size += len(text)
		}
	}
	o := &engine.Observed{Kind: transport.UDP, Peer: peer, Local: local}
	before, n := x.ring.Written(), 0
	for b.Loop() {
		for i, text := range calls[n%len(calls)] {
			o.Bytes, o.Sent = text, strings.Contains("-ss-s-s-s-s-s"[i:i+1], "s")
			if o.CallID = nil; !o.Sent {
				o.CallID = ids[n%len(calls)]
				o.At++
			}
			x.o.Message(o)
		}
		n++
	}
	b.ReportMetric(float64(x.ring.Written()-before)/float64(n), "B/call")
	b.ReportMetric(float64(size)/float64(len(calls)), "text-B/call")
}

// A plain call takes no more than 2 kB.
func TestBytesOfACall(t *testing.T) {
	b := newBench(t, 0)
	const calls = 200
	for i := range calls {
		for _, text := range callTexts(i) {
			b.message(text)
		}
		for _, s := range [][3]string{{"auth.require", "route.lua:12", "true"}, {"registrar.lookup", "route.lua:20", "1 targets"}, {"relay", "route.lua:21", ""}, {"relay", "route.lua:7", ""}} {
			b.o.Step(&engine.ObservedStep{CallID: fmt.Appendf(nil, "%d-1@10.0.0.2", i), CSeq: 1, Function: s[0], Place: s[1], Answer: s[2]})
		}
	}
	if n := b.ring.Written() / calls; n > 2000 || n < 100 {
		t.Errorf("%d bytes a call", n)
	}
	if all := b.all(t); len(all) != 17*calls || all[0] != callTexts(0)[0] || !strings.HasPrefix(all[13], "[auth.require") {
		t.Errorf("%d records, %q", len(all), all[0])
	}
}
