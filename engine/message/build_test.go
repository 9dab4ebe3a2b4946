package message

import (
	"fmt"
	"strings"
	"testing"
)

func TestAppendResponse(t *testing.T) {
	m := parse(t, crlf("INVITE sip:h SIP/2.0\nv: SIP/2.0/UDP a;branch=1\nSubject: x\nVia: SIP/2.0/UDP b,\n SIP/2.0/UDP c\n"+
		"Record-Route: <sip:p;lr>\nf: <sip:a>;tag=1\nt : <sip:b>\n ;x \ni: id\nCSeq: 7  INVITE\nTimestamp: 54\n\n"))
	const vias = "v: SIP/2.0/UDP a;branch=1\nVia: SIP/2.0/UDP b,\n SIP/2.0/UDP c\n"
	const rr = "Record-Route: <sip:p;lr>\n"
	same(t, "100", AppendResponse(nil, m, 100, "", "tag", nil, nil),
		crlf("SIP/2.0 100 Trying\n"+vias+"f: <sip:a>;tag=1\nt : <sip:b>\n ;x \ni: id\nCSeq: 7  INVITE\nTimestamp: 54\nContent-Length: 0\n\n"))
	same(t, "180", AppendResponse(nil, m, 180, "", "tag", nil, nil),
		crlf("SIP/2.0 180 Ringing\n"+vias+rr+"f: <sip:a>;tag=1\nt : <sip:b>\n ;x;tag=tag\ni: id\nCSeq: 7  INVITE\nContent-Length: 0\n\n"))
	same(t, "200", AppendResponse([]byte("before"), m, 200, "Fine", "tag", []byte("X: y\r\n"), []byte("body")),
		crlf("beforeSIP/2.0 200 Fine\n"+vias+rr+"f: <sip:a>;tag=1\nt : <sip:b>\n ;x;tag=tag\ni: id\nCSeq: 7  INVITE\nX: y\nContent-Length: 4\n\nbody"))
	same(t, "404", AppendResponse(nil, m, 404, "a\r\nb", "t\r\nx", nil, nil),
		crlf("SIP/2.0 404 a  b\n"+vias+"f: <sip:a>;tag=1\nt : <sip:b>\n ;x;tag=t  x\ni: id\nCSeq: 7  INVITE\nContent-Length: 0\n\n"))
	m.Set("To", "<sip:b>;TAG=own")
	if res := string(AppendResponse(nil, m, 486, "", "tag", nil, nil)); strings.Contains(res, "tag=tag") || !strings.Contains(res, "To: <sip:b>;TAG=own\r\n") {
		t.Errorf("To has a tag: %q", res)
	}
	if res := string(AppendResponse(nil, m, 799, "", "", nil, nil)); !strings.HasPrefix(res, "SIP/2.0 799 \r\n") {
		t.Errorf("unknown code: %q", res)
	}
}

// A request refused for having a header twice is answered with the header once.
func TestAppendResponseOnce(t *testing.T) {
	m := parse(t, request("t: <sip:x>;tag=2\nf: <sip:y>\ni: other\nCSeq: 2 BYE\n"))
	res := AppendResponse(nil, m, 400, "", "tag", nil, nil)
	if got := verdict(t, new(Message), res); got != 0 {
		t.Errorf("%d: %s", got, res)
	}
}

func TestAppendAckAndCancel(t *testing.T) {
	invite := parse(t, request("Route: <sip:p1;lr>\nRoute: \"x\" <sip:p2;lr>;y\nProxy-Authorization: Digest z\n"))
	invite.InsertTop(HeaderVia, []byte("SIP/2.0/UDP me;branch=z9hG4bKnew, SIP/2.0/UDP other"))
	invite.SetRequestURI([]byte("sip:bob@192.0.2.4"))
	res := parse(t, strings.Replace(string(AppendResponse(nil, invite, 486, "", "callee", nil, nil)), "From: Alice", "From: Changed", 1))
	const middle = "Via: SIP/2.0/UDP me;branch=z9hG4bKnew\nRoute: <sip:p1;lr>\nRoute: \"x\" <sip:p2;lr>;y\nMax-Forwards: 70\n" +
		"From: Alice <sip:alice@example.com>;tag=9fxced76sl\n"
	const end = "Call-ID: 3848276298220188511@client.example.com\nCSeq: 1 "
	same(t, "ACK", AppendAck(nil, invite, res), crlf("ACK sip:bob@192.0.2.4 SIP/2.0\n"+middle+
		"To: Bob <sip:bob@example.com>;tag=callee\n"+end+"ACK\nContent-Length: 0\n\n"))
	same(t, "CANCEL", AppendCancel(nil, invite, []byte("Reason: SIP;cause=200\r\n")), crlf("CANCEL sip:bob@192.0.2.4 SIP/2.0\n"+middle+
		"To: Bob <sip:bob@example.com>\n"+end+"CANCEL\nReason: SIP;cause=200\nContent-Length: 0\n\n"))
	for _, text := range [][]byte{AppendAck(nil, invite, res), AppendCancel(nil, invite, nil)} {
		if got := verdict(t, new(Message), text); got != 0 {
			t.Errorf("%d: %s", got, text)
		}
	}
}

func TestAppendRequest(t *testing.T) {
	spec := RequestSpec{Method: "OPTIONS", URI: "sip:h", From: "<sip:a>;tag=1", To: "<sip:b>", CallID: "id", CSeq: 3,
		Routes: []string{"<sip:p;lr>"}, Headers: []byte("X: y\r\n"), ContentType: "text/plain", Body: []byte("abc")}
	same(t, "whole", AppendRequest(nil, &spec), crlf("OPTIONS sip:h SIP/2.0\nRoute: <sip:p;lr>\nMax-Forwards: 70\n"+
		"From: <sip:a>;tag=1\nTo: <sip:b>\nCall-ID: id\nCSeq: 3 OPTIONS\nContent-Type: text/plain\nX: y\nContent-Length: 3\n\nabc"))
	same(t, "evil", AppendRequest(nil, &RequestSpec{Method: "A\r\n", URI: "sip:h\r\nX: y", From: "a\nb", MaxForwards: 1}),
		crlf("A   sip:h  X: y SIP/2.0\nMax-Forwards: 1\nFrom: a b\nCSeq: 0 A  \nContent-Length: 0\n\n"))
}

func TestReasonFor(t *testing.T) {
	for code, want := range map[int]string{100: "Trying", 200: "OK", 302: "Moved Temporarily", 408: "Request Timeout", 423: "Interval Too Brief",
		433: "Anonymity Disallowed", 487: "Request Terminated", 505: "Version Not Supported", 603: "Decline", 0: "", 299: "", 499: "", 599: "", 699: ""} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			same(t, "reason", ReasonFor(code), want)
		})
	}
}
