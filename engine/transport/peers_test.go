//go:build unix

package transport

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// reply200 answers a request as a user agent would.
func reply200(s *Stack, in *Inbound) {
	var b strings.Builder
	b.WriteString("SIP/2.0 200 OK\r\n")
	for line := range strings.SplitSeq(string(in.Bytes), "\r\n") {
		name, _, _ := strings.Cut(line, ":")
		switch name {
		case "Via", "From", "To", "Call-ID", "CSeq":
			b.WriteString(line + "\r\n")
		}
	}
	b.WriteString("Content-Length: 0\r\n\r\n")
	if err := s.Send(&Peer{Kind: in.Kind, Flow: in.Flow, FlowOnly: true}, []byte(b.String()), nil); err != nil {
		panic(err)
	}
}

// sipgo as a client of each kind.
func TestSipgoAsPeer(t *testing.T) {
	a := newAuthority(t)
	s := serve(t, newRecorder(reply200), a.options(a.issue("127.0.0.1")), "tcp:127.0.0.1:0", "tls:127.0.0.1:0", "ws:127.0.0.1:0", "wss:127.0.0.1:0")
	ua, err := sipgo.NewUA(sipgo.WithUserAgenTLSConfig(a.client("")))
	if err != nil {
		t.Fatal(err)
	}
	defer ua.Close()
	client, err := sipgo.NewClient(ua)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	for _, l := range s.Locals() {
		var to sip.Uri
		if err := sip.ParseUri(fmt.Sprintf("sip:bob@%s;transport=%s", l.Addr, l.Kind), &to); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			req := sip.NewRequest(sip.OPTIONS, to)
			req.SetTransport(l.Kind.Via())
			res, err := client.Do(ctx, req)
			if err != nil || res.StatusCode != 200 {
				t.Fatalf("%s: %v, %v", l.Kind, res, err)
			}
		}
		if st := s.Stats(l.Kind); st.MessagesIn != 5 || st.Accepted != 1 {
			t.Errorf("%s: %+v", l.Kind, st)
		}
	}
}
