package kemi

// KSR.nathelper, and what is changed of From, To and Contact.

import (
	"net/netip"
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/kemi/pv"
)

func natRows() []Row {
	const differs = "Contact is left as it is: in a dialog that is record-routed a client behind a NAT is reached where it came from"
	return []Row{
		{Name: "nathelper.nat_uac_test", Params: "i", Result: "int", Does: "tests of Contact (1, 32), Via (2, 4), SDP (8), port (16) and WebSocket (64)", call: natTest},
		{Name: "nathelper.fix_nated_register", Result: "int", Does: "sets $avp(RECEIVED)", Differs: "the registrar finds out by itself where a client is reached", call: func(k *call) int {
			k.setVar(&pv.Var{Name: "avp", Arg: "RECEIVED"}, pv.Str("sip:"+k.source().Addr.String()))
			return k.num(1)
		}},
		{Name: "nathelper.set_contact_alias", Result: "int", Does: "nothing; -1 without a Contact, and the second time", Differs: differs, call: contactAlias},
		{Name: "nathelper.add_contact_alias", Result: "int", Does: "as set_contact_alias", Differs: differs, call: contactAlias},
		{Name: "nathelper.fix_nated_contact", Result: "int", Does: "as set_contact_alias", Differs: differs, call: contactAlias},
		{Name: "nathelper.handle_ruri_alias", Result: "int", Does: "takes ;alias=ip~port~1 off the Request-URI and sends there", call: ruriAlias},
		{Name: "nathelper.is_rfc1918", Params: "s", Result: "int", Does: "whether an address is private", call: func(k *call) int {
			a, ok := address(k.str(1))
			return k.is(ok && inner(a))
		}},
	}
}

func inner(a netip.Addr) bool {
	return a.IsPrivate() || a.Is4() && a.As4()[0] == 100 && a.As4()[1]>>6 == 1 // 100.64.0.0/10
}

// natTest is nat_uac_test.
func natTest(k *call) int {
	flags, m, src := k.int(1), k.message(), k.source()
	at := src.Addr.Addr().Unmap()
	host := func(b []byte) netip.Addr { a, _ := address(string(b)); return a }
	var contact netip.Addr
	if c, err := message.ParseAddress(m.Header(message.HeaderContact)); err == nil {
		if u, err := message.ParseURI(c.URI); err == nil {
			contact = host(u.Host)
		}
	}
	via, err := m.TopVia()
	port := via.Port
	if port == 0 {
		port = 5060
	}
	return k.is(flags&1 != 0 && contact.IsValid() && inner(contact) ||
		flags&2 != 0 && err == nil && host(via.Host) != at ||
		flags&4 != 0 && err == nil && inner(host(via.Host)) ||
		flags&8 != 0 && innerSDP(m.Body()) ||
		flags&16 != 0 && err == nil && port != src.Addr.Port() ||
		flags&32 != 0 && contact.IsValid() && contact != at ||
		flags&64 != 0 && strings.HasPrefix(src.Transport.String(), "ws"))
}

// innerSDP reports whether a c= line has a private address.
func innerSDP(body []byte) bool {
	for line := range strings.Lines(string(body)) {
		if rest, ok := strings.CutPrefix(line, "c=IN IP4 "); ok {
			if a, ok := address(strings.TrimSpace(rest)); ok && inner(a) {
				return true
			}
		}
	}
	return false
}

func contactAlias(k *call) int {
	if k.message().Header(message.HeaderContact) == nil || k.f.aliased || k.f.kind == inRequest && k.s.aliased {
		return k.num(-1)
	}
	k.f.aliased = true
	if k.f.kind == inRequest {
		k.s.aliased = true
	}
	return k.num(1)
}

// ruriAlias is handle_ruri_alias.
func ruriAlias(k *call) int {
	u, err := message.ParseURI([]byte(k.uri()))
	if err != nil {
		return k.num(2)
	}
	value, there := u.Params.Get("alias")
	parts := strings.Split(string(value), "~")
	if !there || len(parts) != 3 {
		return k.num(2)
	}
	a, ok := address(parts[0])
	if !ok || strings.Trim(parts[1], "0123456789") != "" || parts[1] == "" {
		return k.num(2)
	}
	k.s.ownDURI = false // the sender chose it
	k.s.duri = "sip:" + netip.AddrPortFrom(a, 0).Addr().String() + ":" + parts[1]
	if a.Is6() {
		k.s.duri = "sip:[" + a.String() + "]:" + parts[1]
	}
	switch parts[2] {
	case "2":
		k.s.duri += ";transport=tcp"
	case "3":
		k.s.duri += ";transport=tls"
	}
	text := k.uri()
	alias := ";alias=" + string(value)
	k.setURI(strings.Replace(text, alias, "", 1))
	return k.num(1)
}

// nextRoute is the URI of the topmost Route that is left, "" for none.
func (k *call) nextRoute() string {
	if k.s.noRoutes {
		return ""
	}
	e := k.s.req.Message().Elements(message.HeaderRoute)
	if !e.Next() {
		return ""
	}
	a, err := message.ParseAddress(e.Value)
	if err != nil {
		return ""
	}
	return string(a.URI)
}

// mask notes another From or To for the far side.
func (k *call) mask(name, value string) bool {
	m := k.s.req.Message()
	a, err := m.From()
	p := &k.s.from
	if name[0] == 't' {
		a, err = m.To()
		p = &k.s.to
	}
	if err != nil {
		return false
	}
	if p.uri == "" {
		p.display, p.uri = string(a.Display), string(a.URI)
	}
	switch name[1] {
	case 'u':
		p.uri = value
	case 'n':
		p.display = value
	case 'U':
		p.uri, _ = withPart(p.uri, "user", value)
	case 'd':
		p.uri, _ = withPart(p.uri, "host", value)
	}
	p.changed = true
	return true
}

// party is another From or To.
type party struct {
	display, uri string
	changed      bool
}

func (p *party) text() string {
	if !p.changed {
		return ""
	}
	out := "<" + p.uri + ">"
	if p.display != "" {
		if !strings.HasPrefix(p.display, `"`) {
			return `"` + strings.ReplaceAll(p.display, `"`, "") + `" ` + out
		}
		return p.display + " " + out
	}
	return out
}

// maskAll has the engine show the changed From and To.
func (k *call) maskAll() {
	if !k.s.from.changed && !k.s.to.changed {
		return
	}
	if err := k.s.req.Mask(engine.Mask{From: k.s.from.text(), To: k.s.to.text()}); err != nil {
		k.sh.module.log.Error("From or To cannot be changed", "error", err)
	}
}
