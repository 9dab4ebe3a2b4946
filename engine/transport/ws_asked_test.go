package transport

// Tests of what is kept of the request that opened a WebSocket, and of listeners' origins.

import (
	"maps"
	"strings"
	"testing"
)

func TestUpgradeIsKept(t *testing.T) {
	r := newRecorder(nil)
	s := serve(t, r, Options{}, "ws:127.0.0.1:0")
	w := &wsClient{t: t, Conn: dial(t, s.Locals()[0].Addr)}
	w.in = newReaderOf(w)
	head := strings.Replace(upgradeRequest, "/any?x=1", "/a%20b?token=x+y&token=2&z", 1) +
		"Origin: https://app.example\r\nCookie: a=1\r\nX-Long: " + strings.Repeat("l", maxAsked) + "\r\nAccept: b\r\nAccept: c\r\n\r\n"
	write(t, w, head+clientFrame(0x81, request(1, 0)))
	w.upgraded()
	flow := await(t, r.msgs).Flow
	a := s.FlowUpgrade(flow)
	if a == nil || a.Path != "/a b" || a.Origin != "https://app.example" || !maps.Equal(a.Query, map[string]string{"token": "x y", "z": ""}) {
		t.Fatalf("%+v", a)
	}
	delete(a.Headers, "host")
	if want := map[string]string{"origin": "https://app.example", "cookie": "a=1", "accept": "b, c"}; !maps.Equal(a.Headers, want) {
		t.Errorf("headers %v, want %v", a.Headers, want)
	}
	if s.FlowUpgrade(flow+100) != nil {
		t.Error("there is one for a connection that does not exist")
	}
}

// Targets that are none are refused.
func TestUpgradeTargets(t *testing.T) {
	for _, target := range []string{"", "any", "%zz", "/%zz"} {
		t.Run(target, func(t *testing.T) {
			if a, err := NewUpgrade(target, nil); err == nil {
				t.Errorf("%+v", a)
			}
		})
	}
}

func TestOriginsOfAListener(t *testing.T) {
	s := serve(t, newRecorder(answer), Options{WS: WSOptions{Origins: []string{"https://all.example"}}},
		"ws:127.0.0.1:0?origin=https://app.example&origin=https://b.example:8443", "ws:127.0.0.1:0")
	for _, c := range []struct {
		origin string
		in     [2]bool // at each listener
	}{
		{"https://app.example", [2]bool{true, false}}, {"https://B.example:8443", [2]bool{true, false}}, {"https://all.example", [2]bool{false, true}},
		{"", [2]bool{true, true}},
	} {
		t.Run(c.origin, func(t *testing.T) {
			for i, want := range c.in {
				w := &wsClient{t: t, Conn: dial(t, s.Locals()[i].Addr)}
				head := upgradeRequest
				if c.origin != "" {
					head += "Origin: " + c.origin + "\r\n"
				}
				write(t, w, head+"\r\n")
				b := make([]byte, 12)
				if _, err := w.Read(b); err != nil {
					t.Fatal(err)
				}
				if got := strings.HasSuffix(string(b), "101"); got != want {
					t.Errorf("listener %d: %q", i, b)
				}
			}
		})
	}
}
