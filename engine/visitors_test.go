package engine_test

// How long connections may be idle on which something was agreed that lasts, and others.

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// visitor is a client on a TCP connection of its own.
type visitor struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func visit(t *testing.T, eng *engine.Engine) *visitor {
	c, err := net.Dial("tcp", eng.Locals()[1].Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return &visitor{t, c, bufio.NewReader(c)}
}

func (v *visitor) say(method string) {
	_, err := fmt.Fprintf(v, "%s sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/TCP x.invalid;branch=z9hG4bK%s%d\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\n"+
		"Call-ID: %[3]d\r\nCSeq: 1 %[1]s\r\nContact: <sip:a@x.invalid>\r\nContent-Length: 0\r\n\r\n", method, method, v.LocalAddr().(*net.TCPAddr).Port)
	if err != nil {
		v.t.Fatal(err)
	}
}

// hear reads one message without a body.
func (v *visitor) hear() *message.Message {
	v.t.Helper()
	var b strings.Builder
	for !strings.HasSuffix(b.String(), "\r\n\r\n") {
		line, err := v.r.ReadString('\n')
		if err != nil {
			v.t.Fatal(err, b.String())
		}
		b.WriteString(line)
	}
	return parse(v.t, b.String())
}

// One OPTIONS buys a connection some minutes of silence, not an hour: that is for who registered,
// here or through us, or is in a dialog, on either side of it, whether or not we keep state of it.
func TestVisitorsLeaveSoon(t *testing.T) {
	const soon = 3 * time.Second
	type call struct {
		name, method string
		code         int    // what is answered
		how          string // by whom: "", "relay", "forward" or "late"
		stays        bool
	}
	for _, tt := range []call{
		{"asks", "OPTIONS", 200, "", false},
		{"asks somebody else", "OPTIONS", 200, "relay", false},
		{"says something", "MESSAGE", 200, "relay", false},
		{"registers in vain", "REGISTER", 403, "", false},
		{"calls in vain", "INVITE", 486, "relay", false},
		{"registers", "REGISTER", 200, "", true},
		{"registers elsewhere", "REGISTER", 200, "relay", true},
		{"registers elsewhere, without state", "REGISTER", 200, "forward", true},
		{"asks, without state", "OPTIONS", 200, "forward", false},
		{"calls", "INVITE", 200, "relay", true},
		{"calls, and a script waits", "INVITE", 200, "fork", true},
		{"calls, and is answered here", "INVITE", 200, "", true},
		{"subscribes", "SUBSCRIBE", 202, "relay", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			flows := make(chan transport.FlowID, 10)
			var callee transport.FlowID
			eng := onSockets(t, 100*time.Millisecond, engine.Config{Listen: []string{"udp:127.0.0.1:0", "tcp:127.0.0.1:0"}, Lanes: 1, MaxDelay: -1, Transport: transport.Options{VisitorTimeout: soon},
				Router: routerFunc(func(r *engine.Request) (err error) {
					flows <- r.Flow()
					to := &engine.Target{URI: "sip:b@y.invalid", Flow: callee}
					switch {
					case tt.how == "" || callee == 0:
						_, err = r.Reply(tt.code, "", nil)
					case tt.how == "forward":
						_, err = r.Forward(to)
					case tt.how == "fork":
						var res *engine.Response
						if res, err = r.Fork([]*engine.Target{to}, nil); err == nil {
							_, err = r.ReplyWith(res, nil)
						}
					default:
						_, err = r.Relay([]*engine.Target{to}, nil)
					}
					return err
				})})
			alice, bob := visit(t, eng), visit(t, eng)
			if tt.how != "" {
				bob.say("PUBLISH") // a visit like any other
				bob.hear()
				callee = <-flows
			}
			alice.say(tt.method)
			if tt.how != "" {
				if _, err := bob.Write(message.AppendResponse(nil, bob.hear(), tt.code, "", "b", []byte("Contact: <sip:b@y.invalid>\r\n"), nil)); err != nil {
					t.Fatal(err)
				}
			}
			for m := alice.hear(); m.Status() != tt.code; m = alice.hear() {
				if m.Status() >= 200 {
					t.Fatalf("%d", m.Status())
				}
			}
			id := <-flows
			last := visit(t, eng)
			last.say("OPTIONS")
			if !tt.stays {
				_, _ = io.Copy(io.Discard, alice)
				if eng.FlowOpen(id) {
					t.Error("it stays")
				}
				return
			}
			_, _ = io.Copy(io.Discard, last) // who came after them, and is gone
			if begins := tt.method != "REGISTER" && tt.how != "" && tt.how != "forward"; !eng.FlowOpen(id) || begins && !eng.FlowOpen(callee) {
				t.Errorf("caller stands: %v, callee: %v", eng.FlowOpen(id), eng.FlowOpen(callee))
			}
		})
	}
}
