package interop

// Calls, dialogs, and messages that are malformed.

import (
	"fmt"
	"strings"
)

func (c *corpus) calls() {
	type codes = map[string][]int
	list := []struct {
		name  string
		codes []int
		then  string
	}{
		{"rings", []int{180, 200}, "bye"}, {"progress", []int{183, 180, 200}, "bye"}, {"queued", []int{182, 200}, "callee-bye"}, {"busy", []int{486}, "again"},
		{"rings, then busy", []int{180, 486}, ""}, {"declined", []int{603}, ""}, {"busy everywhere", []int{600}, ""}, {"not found", []int{404}, ""}, {"gone", []int{410}, ""},
		{"moved", []int{302}, ""}, {"moved for ever", []int{301}, ""}, {"choices", []int{300}, ""}, {"unauthorized", []int{401}, ""}, {"proxy unauthorized", []int{407}, ""},
		{"cancelled", []int{180, 0}, "cancel"}, {"cancelled early", []int{183, 0}, "cancel again"}, {"cancelled after the answer", []int{200}, "cancel bye"},
		{"asks within", nil, "info bye"}, {"changes", nil, "reinvite bye"}, {"updates", nil, "update bye"}, {"refers", nil, "refer bye"}, {"writes within", nil, "message options bye"},
		{"callee hangs up", nil, "callee-bye"}, {"hangs up twice", nil, "bye bye"}, {"no hang-up", nil, ""}, {"without the Route", nil, "stray-bye"},
		{"server error", []int{500}, ""}, {"unavailable", []int{503}, ""}, {"timeout there", []int{408}, ""}, {"temporarily", []int{480}, ""}, {"not acceptable", []int{488}, ""},
		{"loop", []int{482}, ""}, {"too many hops there", []int{483}, ""}, {"extension", []int{420}, ""}, {"retransmitted", []int{180, 0}, "again cancel"},
	}
	for _, x := range list {
		for _, to := range []string{"sip:bob@example.com", "sip:x@{B}"} {
			for _, nat := range []bool{false, true} {
				r := kemiRequest{method: "INVITE", uri: to, body: offer}
				name := "call/" + to + "/" + x.name
				if nat {
					r, name = r.natted(), name+"/behind a NAT"
				}
				c.add(kemiFlow{name: name, password: "alice:secret", codes: codes{"B": x.codes}, then: x.then}, r)
			}
		}
		if x.name == "rings" || x.name == "busy" || x.name == "cancelled" {
			c.add(kemiFlow{name: "call/by the trunk/" + x.name, from: "T", codes: codes{"B": x.codes}, then: x.then},
				kemiRequest{method: "INVITE", from: "sip:+123@example.org", via: "{T}", contact: "<sip:+123@{T}>"})
		}
	}
	for _, x := range []struct{ name, contact string }{{"a private contact", "<sip:bob@10.0.0.9:5062>"}, {"a contact with a name", "\"Bob\" <sip:bob@{B};x=1>;y=2"}} {
		for _, then := range []string{"bye", "info bye", "callee-bye"} {
			c.add(kemiFlow{name: "call/callee with " + x.name + "/" + then, password: "alice:secret", contact: x.contact, then: then}, kemiRequest{method: "INVITE"})
		}
	}
	for _, method := range []string{"MESSAGE", "SUBSCRIBE", "OPTIONS", "PUBLISH", "NOTIFY"} {
		for _, code := range []int{202, 302, 401, 404, 480, 486, 489, 500, 503, 603} {
			c.add(kemiFlow{name: fmt.Sprintf("%s answered %d", method, code), password: "alice:secret", codes: codes{"B": {code}}}, kemiRequest{method: method})
		}
	}
}

func (c *corpus) forks() {
	c.register("two callees", "carol", "carol:secret", "Contact: <sip:carol@{B}>, <sip:carol@{C}>\r\nExpires: 600\r\n", nil)
	for _, x := range []struct {
		name string
		b, c []int
		then string
	}{
		{"both busy", []int{486}, []int{486}, ""}, {"one answers", []int{180, 0}, []int{180, 200}, "bye"}, {"busy and missing", []int{486}, []int{404}, ""}, {"missing and busy", []int{404}, []int{486}, ""},
		{"declined ends all", []int{180, 0}, []int{603}, ""}, {"401 wins", []int{486}, []int{401}, ""}, {"503 and 480", []int{503}, []int{480}, ""}, {"503 and 503", []int{503}, []int{503}, ""},
		{"cancelled", []int{180, 0}, []int{180, 0}, "cancel"}, {"302 and 486", []int{302}, []int{486}, ""}, {"500 and 404", []int{500}, []int{404}, ""}, {"408 and 480", []int{408}, []int{480}, ""},
	} {
		c.add(kemiFlow{name: "fork/" + x.name, password: "alice:secret", codes: map[string][]int{"B": x.b, "C": x.c}, then: x.then}, kemiRequest{method: "INVITE", uri: "sip:carol@example.com"})
	}
	for _, method := range []string{"MESSAGE", "OPTIONS", "SUBSCRIBE"} {
		c.add(kemiFlow{name: "fork/" + method, password: "alice:secret"}, kemiRequest{method: method, uri: "sip:carol@example.com"})
	}
	c.register("two callees gone", "carol", "carol:secret", "Contact: *\r\nExpires: 0\r\n", nil)
}

// within are requests that claim to be within a dialog that this server does not know.
func (c *corpus) within() {
	for _, method := range strings.Fields("INVITE ACK BYE INFO OPTIONS NOTIFY SUBSCRIBE REFER UPDATE MESSAGE") {
		for _, x := range []struct{ name, uri, headers string }{
			{"no Route", "sip:bob@example.com", ""}, {"another's Route", "sip:bob@example.com", "Route: <sip:{B};lr>\r\n"}, {"elsewhere, no Route", "sip:x@{B}", ""},
		} {
			c.add(kemiFlow{name: "within/" + method + "/" + x.name, silent: method == "ACK"}, kemiRequest{method: method, uri: x.uri, headers: x.headers, toTag: ";tag=fixgone"})
		}
	}
	c.add(kemiFlow{name: "within/CANCEL of nothing"}, kemiRequest{method: "CANCEL"})
	c.add(kemiFlow{name: "within/ACK of nothing"}, kemiRequest{method: "ACK"})
}

func replace(old, with string) func(string) string {
	return func(s string) string { return strings.Replace(s, old, with, 1) }
}

func (c *corpus) malformed() {
	for _, x := range []struct {
		name string
		edit func(string) string
	}{
		{"CSeq of another method", replace("CSeq: 1 ", "CSeq: 1 X")}, {"CSeq is text", replace("CSeq: 1", "CSeq: one")}, {"no CSeq", replace("CSeq: ", "X-CSeq: ")},
		{"no Call-ID", replace("Call-ID: ", "X-Call-ID: ")}, {"no From", replace("From: ", "X-From: ")}, {"no To", replace("To: ", "X-To: ")}, {"no Via", replace("Via: ", "X-Via: ")},
		{"no From tag", replace(">;tag=fix", ">;tux=fix")}, {"version", replace(" SIP/2.0\r\n", " SIP/3.0\r\n")}, {"no version", replace(" SIP/2.0\r\n", "\r\n")},
		{"Content-Length too long", replace("Content-Length: 0", "Content-Length: 99")}, {"Content-Length is text", replace("Content-Length: 0", "Content-Length: none")}, {"Content-Length twice", replace("Content-Length: 0", "Content-Length: 0\r\nContent-Length: 0")},
		{"Expires is text", replace("Content-Length", "Expires: soon\r\nContent-Length")}, {"Max-Forwards 0", replace("Max-Forwards: 70", "Max-Forwards: 0")}, {"Max-Forwards is text", replace("Max-Forwards: 70", "Max-Forwards: many")},
		{"URI is no URI", replace("sip:bob@example.com", "bob")}, {"URI of another scheme", replace("sip:bob@example.com", "http://example.com")}, {"URI without a host", replace("sip:bob@example.com", "sip:")},
		{"a header without a colon", replace("Content-Length", "Nonsense\r\nContent-Length")}, {"To without brackets closed", replace("To: <sip:bob@example.com>", "To: <sip:bob@example.com")}, {"a port too large", replace("sip:bob@example.com", "sip:bob@example.com:99999")},
	} {
		for _, method := range []string{"INVITE", "OPTIONS"} {
			c.add(kemiFlow{name: "malformed/" + method + "/" + x.name}, kemiRequest{method: method, from: "sip:zoe@example.org", to: "sip:bob@example.com", edit: x.edit})
		}
	}
}

// shapes are requests of unusual, but valid form.
func (c *corpus) shapes() {
	for _, x := range []struct {
		name string
		edit func(string) string
	}{
		{"Max-Forwards 1", replace("Max-Forwards: 70", "Max-Forwards: 1")}, {"Max-Forwards 255", replace("Max-Forwards: 70", "Max-Forwards: 255")}, {"no Max-Forwards", replace("Max-Forwards: 70\r\n", "")},
		{"short names", func(s string) string {
			return strings.NewReplacer("Via:", "v:", "From:", "f:", "To:", "t:", "Call-ID:", "i:", "Content-Length:", "l:").Replace(s)
		}},
		{"names in capitals", func(s string) string {
			return strings.NewReplacer("Via:", "VIA:", "From:", "FROM:", "To:", "TO:", "CSeq:", "CSEQ:").Replace(s)
		}},
		{"blanks before colons", replace("Max-Forwards:", "Max-Forwards  :")}, {"a host in capitals", replace("sip:bob@example.com", "sip:bob@EXAMPLE.com")}, {"a scheme in capitals", replace("sip:bob@example.com", "SIP:bob@example.com")},
		{"an escaped user", replace("sip:bob@example.com", "sip:b%6fb@example.com")}, {"a port in the URI", replace("sip:bob@example.com", "sip:bob@example.com:5060")}, {"headers in the URI", replace("sip:bob@example.com", "sip:bob@example.com?Subject=x")},
		{"a password in the URI", replace("sip:bob@example.com", "sip:bob:pw@example.com")}, {"a display name", replace("From: <", "From: \"Zoe, Z\" <")}, {"a name without quotes", replace("From: <", "From: Zoe Z <")},
		{"no brackets", replace("To: <sip:bob@example.com>", "To: sip:bob@example.com")}, {"no rport", replace(";rport;branch=z9hG4bK-fix", ";branch=z9hG4bK-fixnorport")}, {"no Content-Length", replace("Content-Length: 0\r\n", "")}, {"two Subjects", replace("Content-Length", "Subject: a\r\nSubject: b\r\nContent-Length")},
		{"tel", replace("sip:bob@example.com", "tel:+123")}, {"sips", replace("sip:bob@example.com", "sips:bob@example.com")}, {"blank lines first", func(s string) string { return "\r\n\r\n" + s }},
	} {
		for _, method := range []string{"INVITE", "MESSAGE"} {
			c.add(kemiFlow{name: "shape/" + method + "/" + x.name, then: "bye"}, kemiRequest{method: method, from: "sip:zoe@example.org", to: "sip:bob@example.com", edit: x.edit})
		}
	}
}
