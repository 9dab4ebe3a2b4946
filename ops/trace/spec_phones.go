package trace

// The phones of a spec that is written, and its text.

import (
	"bytes"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
)

// phone is the party at the other end of an event.
func (s *specWriter) phone(e *Event, callee bool) *specPhone {
	if p := s.phones[e.Peer]; p != nil {
		return p
	}
	uri := ""
	if callee {
		uri = string(s.msg.RequestURI())
	} else if from, err := s.msg.From(); err == nil {
		uri = string(from.URI)
	}
	p := &specPhone{addr: addrOf(e.Peer), transport: e.Transport, callee: callee}
	u, err := message.ParseURI([]byte(uri))
	if err == nil {
		p.name = s.name(string(u.User), callee)
		host, _ := netip.ParseAddr(string(u.Host))
		p.at = host.IsValid()
	} else {
		p.name = s.name("", callee)
	}
	switch {
	case callee && s.lookup && err == nil:
		// It is reached by its registration, under the URI that was called
		p.registers, p.at, p.uri = true, false, s.aor(string(u.User))
	case callee:
		p.uri = fmt.Sprintf("sip:%s@%s", u.User, hostPort(p.addr))
		p.at = true
	case p.at:
		p.uri = fmt.Sprintf("sip:%s@%s", u.User, hostPort(p.addr))
	default:
		p.uri = fmt.Sprintf("sip:%s@%s", u.User, u.Host)
	}
	s.phones[e.Peer] = p
	s.order = append(s.order, p)
	return p
}

// aor is the address of record of a phone that was found: that of the user who was called, or of
// the user of its contact.
func (s *specWriter) aor(user string) string {
	u, err := message.ParseURI([]byte(s.call.URI))
	if err != nil {
		return "sip:" + user + "@example.com"
	}
	if len(u.User) > 0 {
		user = string(u.User)
	}
	return fmt.Sprintf("sip:%s@%s", user, u.Host)
}

func hostPort(a netip.AddrPort) string {
	if a.Port() == 5060 && a.Addr().Is4() {
		return a.Addr().String()
	}
	return a.String()
}

// reserved are the words of Lua, and the names that a spec uses.
const reserved = " and break do else elseif end false for function goto if in local nil not or repeat return then true until while t sip "

// name is a name for a variable.
func (s *specWriter) name(user string, callee bool) string {
	name := strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, user)
	if len(name) > 20 || strings.Trim(name, "_") == "" {
		name = map[bool]string{true: "callee", false: "caller"}[callee]
	}
	if name[0] >= '0' && name[0] <= '9' || strings.Contains(reserved, " "+name+" ") {
		name = "u" + name
	}
	base := name
	for n := 2; slices.ContainsFunc(s.order, func(p *specPhone) bool { return p.name == name }); n++ {
		name = fmt.Sprint(base, "_", n)
	}
	return name
}

// text is the whole spec.
func (s *specWriter) text() []byte {
	c := s.call
	var b bytes.Buffer
	fmt.Fprintf(&b, "-- %s\n", strings.Map(oneLine, fmt.Sprintf("%s %s, as it was at %s", c.Method, c.ID, c.Began)))
	if c.Script != "" {
		fmt.Fprintf(&b, "-- It ran %s: put this file beside it, as %s.\n", filepath.Base(c.Script), strings.TrimSuffix(filepath.Base(c.Script), ".lua")+"_spec.lua")
	}
	b.WriteString("local t = require \"sip.test\"\n\n")
	fmt.Fprintf(&b, "t.it(%s, function()\n", luaText(fmt.Sprintf("%s from %s to %s: %s", c.Method, c.From, c.URI, c.State)))
	if len(c.Domains) > 0 && !slices.Equal(c.Domains, []string{"example.com"}) {
		var list []string
		for _, d := range c.Domains {
			list = append(list, luaText(d))
		}
		fmt.Fprintf(&b, "  t.server{ domains = { %s } }\n", strings.Join(list, ", "))
	}
	for _, step := range s.steps {
		fmt.Fprintf(&b, "  -- The script asked elsewhere; say what it is answered by t.http, t.sql, t.redis or t.rtpengine:\n  --   %s\n", strings.Map(oneLine, step))
	}
	for _, p := range s.order {
		b.WriteString(p.declare())
	}
	for _, p := range s.order {
		if p.registers {
			fmt.Fprintf(&b, "  %s:register()\n", p.name)
		}
	}
	b.Write(s.body.Bytes())
	b.WriteString("end)\n")
	return b.Bytes()
}

// oneLine keeps a comment on its line: Lua ends one at a CR, too.
func oneLine(r rune) rune {
	if r < ' ' || r >= 0x7f && r < 0xa0 {
		return ' '
	}
	return r
}

// declare is the line that makes the phone.
func (p *specPhone) declare() string {
	var options []string
	remark := ""
	if p.password {
		options = append(options, `password = "secret"`)
		remark = " -- the password was not recorded"
	}
	if p.transport != "udp" && p.transport != "" {
		options = append(options, "transport = "+luaText(p.transport))
	}
	if !p.at && !p.addr.Addr().IsLoopback() && p.addr.Addr() != netip.MustParseAddr("10.0.0.1") {
		options = append(options, "addr = "+luaText(p.addr.String()))
	}
	if len(options) > 0 {
		return fmt.Sprintf("  local %s = t.ua(%s, { %s })%s\n", p.name, luaText(p.uri), strings.Join(options, ", "), remark)
	}
	return fmt.Sprintf("  local %s = t.ua(%s)\n", p.name, luaText(p.uri))
}
