package interop

// What is sent to Kamailio and here: a table of dimensions.

import (
	"fmt"
	"strings"
)

// corpus collects flows; each gets a number, which its Call-ID and its tags have.
type corpus struct{ list []kemiFlow }

func (c *corpus) add(f kemiFlow, r kemiRequest) {
	r.n = len(c.list)
	f.first = r.text()
	if r.edit != nil {
		f.first = r.edit(f.first)
	}
	c.list = append(c.list, f)
}

// kemiRequest is a request of the corpus. The fields that are empty have usual values.
type kemiRequest struct {
	n                            int
	method, uri, from, to, toTag string
	via, contact, headers        string
	body                         string
	edit                         func(string) string
}

// text is the request.
func (r kemiRequest) text() string {
	or := func(s, usual string) string {
		if s == "" {
			return usual
		}
		return s
	}
	from, to := or(r.from, "sip:alice@example.com"), or(r.to, or(r.uri, "sip:bob@example.com"))
	h := r.headers
	switch r.method {
	case "INVITE", "SUBSCRIBE", "REFER", "UPDATE":
		h += "Contact: " + or(r.contact, "<sip:alice@{A}>") + "\r\n"
	case "REGISTER":
		from = to
	}
	switch r.method {
	case "SUBSCRIBE", "NOTIFY", "PUBLISH":
		h += "Event: presence\r\n"
	case "REFER":
		h += "Refer-To: <sip:carol@example.com>\r\n"
	case "PRACK":
		h += "RAck: 1 1 INVITE\r\n"
	}
	if r.method == "NOTIFY" {
		h += "Subscription-State: active\r\n"
	}
	if r.body != "" {
		h += "Content-Type: application/sdp\r\n"
	}
	return fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK-fix%d\r\nMax-Forwards: 70\r\nFrom: <%s>;tag=fix%d\r\nTo: <%s>%s\r\nCall-ID: fix%d\r\nCSeq: 1 %s\r\n%sContent-Length: %d\r\n\r\n%s",
		r.method, or(r.uri, "sip:bob@example.com"), or(r.via, "{A}"), r.n, from, r.n, to, r.toTag, r.n, r.method, h, len(r.body), r.body)
}

// natted has a request come from a private network.
func (r kemiRequest) natted() kemiRequest {
	r.via, r.contact = "10.0.0.5:5060", "<sip:alice@10.0.0.5:5060>"
	return r
}

const offer = "v=0\r\no=- 1 1 IN IP4 10.0.0.5\r\ns=-\r\nc=IN IP4 10.0.0.5\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"

// kemiCorpus are the flows of the stock script.
func kemiCorpus() []kemiFlow {
	c := &corpus{}
	c.registrations()
	c.methods()
	c.credentials()
	c.calls()
	c.forks()
	c.within()
	c.malformed()
	c.shapes()
	return c.list
}

func (c *corpus) register(name, user, password, headers string, edit func(string) string) {
	uri := "sip:" + user + "@example.com"
	c.add(kemiFlow{name: "REGISTER/" + name, password: password}, kemiRequest{method: "REGISTER", uri: "sip:example.com", to: uri, headers: headers, edit: edit})
}

func (c *corpus) registrations() {
	const good = "carol:secret"
	for _, x := range []struct{ name, headers string }{
		{"query of nothing", ""},
		{"a contact", "Contact: <sip:carol@{B}>\r\nExpires: 600\r\n"},
		{"query", ""},
		{"the contact again", "Contact: <sip:carol@{B}>\r\nExpires: 600\r\n"},
		{"another contact, with q", "Contact: <sip:carol2@{B}>;q=0.5\r\nExpires: 600\r\n"},
		{"two contacts", "Contact: <sip:carol@{B}>;q=0.7, <sip:carol3@{B}>;expires=120\r\nExpires: 600\r\n"},
		{"one of them gone", "Contact: <sip:carol2@{B}>\r\nExpires: 0\r\n"},
		{"one that is not there gone", "Contact: <sip:carol9@{B}>\r\nExpires: 0\r\n"},
		{"all gone", "Contact: *\r\nExpires: 0\r\n"},
		{"nothing gone", "Contact: *\r\nExpires: 0\r\n"},
		{"too long", "Contact: <sip:carol@{B}>;expires=99999\r\n"},
		{"gone again", "Contact: <sip:carol@{B}>;expires=0\r\n"},
		{"no time", "Contact: <sip:carol@{B}>\r\n"},
		{"with a display name", "Contact: \"Carol C\" <sip:carol@{B}>\r\nExpires: 600\r\n"},
		{"with parameters", "Contact: <sip:carol@{B};transport=udp;x=1>;foo=bar\r\nExpires: 600\r\n"},
		{"all but", "Contact: *\r\n"},
		{"star with time", "Contact: *\r\nExpires: 60\r\n"},
		{"gone in the end", "Contact: *\r\nExpires: 0\r\n"},
	} {
		c.register(x.name, "carol", good, x.headers, nil)
	}
	for _, x := range []struct{ name, password string }{
		{"no credentials", ""}, {"wrong password", "carol:wrong"}, {"unknown user", "nobody:secret"}, {"another's password", "alice:secret"}, {"stale nonce", "old:secret"},
	} {
		c.register(x.name, "carol", x.password, "Contact: <sip:carol@{B}>\r\n", nil)
	}
	c.register("behind a NAT", "dave", "dave:secret", "Contact: <sip:dave@10.0.0.7:5060>\r\nExpires: 600\r\n", func(s string) string {
		return strings.Replace(s, "UDP {A}", "UDP 10.0.0.7:5060", 1)
	})
	c.register("behind a NAT, gone", "dave", "dave:secret", "Contact: *\r\nExpires: 0\r\n", nil)
	c.register("a foreign domain", "x", "alice:secret", "Contact: <sip:x@{B}>\r\n", func(s string) string { return strings.ReplaceAll(s, "@example.com", "@example.org") })
	c.register("the callee", "bob", "bob:secret", "Contact: <sip:bob@{B}>\r\nExpires: 600\r\n", nil)
	c.register("the callee again", "bob", "bob:secret", "Contact: <sip:bob@{B}>\r\nExpires: 600\r\n", nil)
}

// kemiCallers are who sends a request.
var kemiCallers = []struct{ name, side, uri, password string }{
	{"a user", "A", "sip:alice@example.com", "alice:secret"},
	{"a user without credentials", "A", "sip:alice@example.com", ""},
	{"a stranger", "A", "sip:zoe@example.org", ""},
	{"the trunk", "T", "sip:+123@example.org", ""},
}

var kemiTargets = []struct{ name, uri string }{
	{"registered", "sip:bob@example.com"}, {"by address", "sip:bob@{S}"}, {"with a parameter", "sip:bob@example.com;user=phone"},
	{"nobody", "sip:nobody@example.com"}, {"no user", "sip:example.com"}, {"elsewhere", "sip:x@{B}"},
}

func (c *corpus) methods() {
	for _, method := range strings.Fields("OPTIONS INVITE MESSAGE SUBSCRIBE PUBLISH INFO REFER NOTIFY UPDATE BYE PRACK FOO") {
		for _, to := range kemiTargets {
			for _, by := range kemiCallers {
				c.add(kemiFlow{name: method + "/" + to.name + "/" + by.name, from: by.side, password: by.password, then: "bye"},
					kemiRequest{method: method, uri: to.uri, from: by.uri, via: "{" + by.side + "}"})
			}
		}
	}
	for _, x := range []struct{ name, headers string }{
		{"a scanner", "User-Agent: friendly-scanner\r\n"}, {"another scanner", "User-Agent: sipcli/v1.8\r\n"}, {"unknown headers", "X-One: 1\r\nx-two:  a, b \r\nSubject: hi\r\n"},
		{"a preloaded Route", "Route: <sip:192.0.2.9;lr>\r\n"}, {"our own Route, preloaded", "Route: <sip:{S};lr>\r\n"}, {"compact headers", "s: hi\r\nk: path\r\n"},
		{"a folded header", "Subject: one\r\n two\r\n"}, {"Require", "Require: foo\r\n"}, {"Proxy-Require", "Proxy-Require: foo\r\n"}, {"a second Via", "Via: SIP/2.0/UDP 192.0.2.3;branch=z9hG4bK-fixold\r\n"},
		{"Record-Route of another", "Record-Route: <sip:192.0.2.4;lr>\r\n"}, {"an empty header", "X-Empty:\r\n"}, {"Path", "Path: <sip:192.0.2.5;lr>\r\n"}, {"identity", "P-Asserted-Identity: <sip:eve@example.com>\r\n"},
	} {
		then := "bye"
		if strings.Contains(x.name, "scanner") { // it is answered, and no call
			then = ""
		}
		for _, method := range []string{"INVITE", "MESSAGE"} {
			c.add(kemiFlow{name: method + "/with/" + x.name, password: "alice:secret", then: then}, kemiRequest{method: method, headers: x.headers})
		}
	}
}

func (c *corpus) credentials() {
	for _, method := range []string{"INVITE", "MESSAGE", "OPTIONS", "BYE"} {
		for _, x := range []struct{ name, password string }{
			{"wrong password", "dave:wrong"}, {"unknown user", "nobody:secret"}, {"another user", "carol:secret"}, {"stale nonce", "old:secret"},
		} {
			c.add(kemiFlow{name: method + "/credentials/" + x.name, password: x.password}, kemiRequest{method: method})
		}
	}
}
