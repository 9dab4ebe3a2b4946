package registrar

// This file tests the edge proxy: a registrar behind it, phones in front, and what only the edge
// can reach.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/transport"
)

const edgeScript = `
local registrar = require "registrar"
function route(req)
  if req.method == "REGISTER" then
    local ok, err = registrar.add_path(req, { force = sip.args.FORCE == "yes" })
    if not ok then sip.log.info("%s", err) end
    return req:relay{ uri = req.ruri, next_hop = "sip:192.0.2.50:5060" }
  end
  if req.in_dialog then return req:relay() end
  req:reply(403, "Seen By The Script")
end`

// pathOf sends a REGISTER through the edge, answers it, and returns the Path it came with.
func pathOf(s *scripted, core *client, c *flowClient, headers ...string) string {
	c.n++
	host := c.Addr().String()
	c.send(reg{ruri: "sip:home.example.net", callID: host, cseq: c.n, via: via(strings.ToUpper(c.kind.String()), host, c.n), headers: headers,
		contacts: list(fmt.Sprintf("<sip:bob@10.0.0.9;transport=%s>;reg-id=1;%s", c.kind, phoneID))}.text())
	m, _ := core.Next()
	core.Send(serverAddr, answerTo(m, 200))
	c.Next()
	return string(m.Header(message.HeaderPath))
}

func answerTo(m *message.Message, code int) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %d Whatever\r\n", code)
	for _, id := range []message.HeaderID{message.HeaderVia, message.HeaderFrom, message.HeaderTo, message.HeaderCallID, message.HeaderCSeq} {
		for v := m.Elements(id); v.Next(); {
			fmt.Fprintf(&b, "%s: %s\r\n", id, v.Value)
		}
	}
	return []byte(b.String() + "Content-Length: 0\r\n\r\n")
}

// codeFor is the code of the answer to a MESSAGE of the core's for the client, along a Route.
func codeFor(s *scripted, core *client, route string) int {
	s.serial++
	core.Send(serverAddr, fmt.Appendf(nil, "MESSAGE sip:bob@10.0.0.9 SIP/2.0\r\nVia: %s\r\nRoute: %s\r\nMax-Forwards: 70\r\nFrom: <sip:a@home.example.net>;tag=1\r\nTo: <sip:bob@home.example.net>\r\nCall-ID: ask%d\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n",
		via("UDP", "192.0.2.50:5060", s.serial), route, s.serial))
	for {
		if m, _ := core.Next(); m.Status() >= 200 {
			return m.Status()
		}
	}
}

func TestEdge(t *testing.T) {
	for _, kind := range []transport.Kind{transport.UDP, transport.TCP} {
		t.Run(kind.String(), func(t *testing.T) {
			s := script(t, nil, edgeScript)
			core := s.phone("192.0.2.50:5060")
			c := s.flowClient("203.0.113.77:31024", kind)
			var got []string
			mute := false
			c.Host.Remove()
			c.Host = s.Host("203.0.113.77:31024", func(p sim.Packet) {
				m := new(message.Message)
				if err := m.Parse(p.Bytes, &message.Limits{}); err != nil {
					t.Error(err)
					return
				}
				if !m.IsRequest() {
					c.Got, c.In = append(c.Got, m), append(c.In, p)
					return
				}
				got = append(got, fmt.Sprintf("%s %s", m.MethodText(), m.RequestURI()))
				if mute {
					return
				}
				answer := answerTo(m, 200)
				if kind == transport.UDP {
					c.Send(serverAddr, answer)
				} else {
					_ = c.Stream(kind, serverAddr, answer)
				}
			})
			path := pathOf(s, core, c, "Supported: path, outbound")
			if !strings.HasPrefix(path, "<sip:") || !strings.HasSuffix(path, "@"+serverAddr+";lr;ob>") {
				t.Fatalf("Path %q", path)
			}
			if plain := pathOf(s, core, c, "Supported: path"); strings.Contains(plain, ";ob") || !strings.Contains(plain, "@") {
				t.Errorf("Path %q without outbound", plain)
			}
			if none := pathOf(s, core, c); none != "" {
				t.Errorf("Path %q for a client that does not support it", none)
			}
			if code := codeFor(s, core, path); code != 200 || len(got) != 1 || got[0] != "MESSAGE sip:bob@10.0.0.9" {
				t.Errorf("%d; the client got %q", code, got)
			}
			// A token that somebody has changed is nobody's: the script decides.
			forged := []byte(path)
			if forged[30]++; forged[30] == '[' || forged[30] == '{' || forged[30] == '.' || forged[30] == ':' || forged[30] == '`' {
				forged[30] = 'A'
			}
			if code := codeFor(s, core, string(forged)); code != 403 || len(got) != 1 {
				t.Errorf("forged: %d; the client got %q", code, got)
			}
			if kind == transport.TCP {
				mute = true
				s.After(time.Second, func() { s.BreakStreams() })
				if code := codeFor(s, core, path); code != 430 || len(got) != 2 {
					t.Errorf("the flow is gone while an answer is due: %d; the client got %q", code, got)
				}
				if code := codeFor(s, core, path); code != 430 {
					t.Errorf("the flow is gone: %d", code)
				}
			}
		})
	}
}

// With route = true the script decides on what comes back for the client, and relay takes its flow;
// a token that somebody has changed leads nowhere.
func TestEdgeThatRoutes(t *testing.T) {
	s := script(t, nil, `
local registrar = require "registrar"
function route(req)
  if req.method == "REGISTER" then
    registrar.add_path(req, { force = true, route = true })
    return req:relay{ uri = req.ruri, next_hop = "sip:192.0.2.50:5060" }
  end
  req:set_header("X-Seen", "yes")
  req:relay()
end`)
	core := s.phone("192.0.2.50:5060")
	c := s.flowClient("203.0.113.77:31024", transport.TCP)
	var got []string
	c.Host.Remove()
	c.Host = s.Host("203.0.113.77:31024", func(p sim.Packet) {
		m := new(message.Message)
		if err := m.Parse(p.Bytes, &message.Limits{}); err != nil {
			t.Error(err)
			return
		}
		if !m.IsRequest() {
			c.Got, c.In = append(c.Got, m), append(c.In, p)
			return
		}
		got = append(got, fmt.Sprintf("%s %s", m.MethodText(), m.HeaderName("X-Seen")))
		_ = c.Stream(transport.TCP, serverAddr, answerTo(m, 200))
	})
	path := pathOf(s, core, c)
	if code := codeFor(s, core, path); code != 200 || fmt.Sprint(got) != "[MESSAGE yes]" {
		t.Errorf("%d; the client got %q", code, got)
	}
	if code := codeFor(s, core, strings.Replace(path, "<sip:", "<sip:x", 1)); code != 403 || len(got) != 1 {
		t.Errorf("forged: %d; the client got %q", code, got)
	}
	s.BreakStreams()
	if code := codeFor(s, core, path); code != 430 || len(got) != 1 {
		t.Errorf("the flow is gone: %d; the client got %q", code, got)
	}
}
