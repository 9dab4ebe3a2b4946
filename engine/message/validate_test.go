package message

import (
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name     string
		old, new string // what becomes of the valid request
		want     int
	}{
		{"valid", "", "", 0},
		{"no Max-Forwards", "Max-Forwards: 70\r\n", "", 0}, // §16.3 step 3
		{"Max-Forwards 0", ": 70", ": 0", 0},
		{"Max-Forwards 256", ": 70", ": 256", 400},
		{"Max-Forwards junk", ": 70", ": 70x", 400},
		{"Max-Forwards empty", ": 70", ":", 400},
		{"no Via", "Via: SIP/2.0/UDP client.example.com:5060;branch=z9hG4bK74bf9\r\n", "", 400},
		{"no From", "From: Alice <sip:alice@example.com>;tag=9fxced76sl\r\n", "", 400},
		{"no To", "To: Bob <sip:bob@example.com>\r\n", "", 400},
		{"no Call-ID", "Call-ID: 3848276298220188511@client.example.com\r\n", "", 400},
		{"no CSeq", "CSeq: 1 INVITE\r\n", "", 400},
		{"two To", "To: ", "t: <sip:x>\r\nTo: ", 400},
		{"two From", "To: ", "f: <sip:x>\r\nTo: ", 400},
		{"two Call-ID", "To: ", "i: x\r\nTo: ", 400},
		{"two CSeq", "To: ", "CSeq: 1 INVITE\r\nTo: ", 400},
		{"two Max-Forwards", "To: ", "Max-Forwards: 70\r\nTo: ", 400},
		{"the same length twice", "To: ", "Content-Length: 0\r\nl: 0\r\nTo: ", 0},
		{"lengths differ", "To: ", "Content-Length: 0\r\nl: 1\r\nTo: ", 400},
		{"To empty", "To: Bob <sip:bob@example.com>", "To:", 400},
		{"To *", "To: Bob <sip:bob@example.com>", "To: *", 400},
		{"To without a scheme", "To: Bob <sip:bob@example.com>", "To: bob@example.com", 400},
		{"two tags", ";tag=9fxced76sl", ";tag=1;TAG=2", 400},
		{"the same tag twice", ";tag=9fxced76sl", ";tag=1;x;TAG = 1", 0},
		{"the same tag twice and another", ";tag=9fxced76sl", ";tag=1;tag=1;tag=2", 400},
		{"a tag and none", ";tag=9fxced76sl", ";tag=1;tag", 400},
		{"two lr", "INVITE sip:bob@example.com", "INVITE sip:bob@example.com;lr;lr", 0},
		{"two branches", ";branch=z9hG4bK74bf9", ";branch=1;branch=2", 400},
		{"no branch", ";branch=z9hG4bK74bf9", "", 0},
		{"a later Via", ";branch=z9hG4bK74bf9", ", SIP/2.0/UDP", 400},
		{"Via list", ";branch=z9hG4bK74bf9", ", SIP/2.0/TCP [::1]:5060 ;branch=x", 0},
		{"Call-ID empty", "Call-ID: 3848276298220188511@client.example.com", "Call-ID: ", 400},
		{"Call-ID of two words", "3848276298220188511@client", "3848276298220188511 @client", 400},
		{"CSeq 2^31-1", "CSeq: 1", "CSeq: 2147483647", 0},
		{"CSeq 2^31", "CSeq: 1", "CSeq: 2147483648", 400},
		{"CSeq method", "1 INVITE", "1 BYE", 400},
		{"CSeq method's case", "1 INVITE", "1 invite", 400},
		{"CSeq junk", "1 INVITE", "1INVITE", 400},
		{"CSeq without a method", "1 INVITE", "1", 400},
		{"version in small letters", " SIP/2.0\r\n", " sip/2.0\r\n", 0},
		{"version 7.0", " SIP/2.0\r\n", " SIP/7.0\r\n", 505},
		{"version 2.00", " SIP/2.0\r\n", " SIP/2.00\r\n", 505},
		{"tel URI", "sip:bob@example.com SIP", "tel:+1-201-555-0123 SIP", 0},
		{"sips URI", "sip:bob@example.com SIP", "sips:bob@example.com SIP", 0},
		{"headers in the URI", "sip:bob@example.com SIP", "sip:bob@example.com?Subject=x SIP", 0},
		{"unknown scheme", "sip:bob@example.com SIP", "http://example.com/ SIP", 416},
		{"no scheme", "sip:bob@example.com SIP", "bob@example.com SIP", 400},
		{"URI in <>", "sip:bob@example.com SIP", "<sip:bob@example.com> SIP", 400},
		{"URI without a host", "sip:bob@example.com SIP", "sip:bob@ SIP", 400},
		{"Route", "To: ", "Route: <sip:p1;lr>, <sip:p2;lr>;x=\"y\"\r\nTo: ", 0},
		{"bad Route", "To: ", "Route: <sip:p1;lr>, \"x\r\nTo: ", 400},
		{"bad Route URI", "To: ", "Route: <sip:>\r\nTo: ", 400},
		{"empty Route", "To: ", "Route: <sip:p1;lr>,\r\nTo: ", 400},
		// None of a proxy's business
		{"bad Record-Route", "To: ", "Record-Route: <sip:p1\r\nTo: ", 0},
		{"Contacts", "To: ", "Contact: sip:a@b, sip:c@d\r\nm: *\r\nTo: ", 0},
		{"bad Contact", "To: ", "Contact: \"a\r\nTo: ", 0},
		{"bad Path", "To: ", "Path: <\r\nTo: ", 0},
		{"two Server", "To: ", "Server: a\r\nServer: b\r\nTo: ", 0},
		{"two Date", "To: ", "Date: a\r\nDate: b\r\nTo: ", 0},
		{"too many Vias", "To: ", "Via: SIP/2.0/UDP h" + strings.Repeat(", SIP/2.0/UDP h", 128) + "\r\nTo: ", 400},
		{"too many parameters", ";tag=9fxced76sl", strings.Repeat(";x", 65), 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(request(""), c.old, c.new, 1)
			if c.old != "" && text == request("") {
				t.Fatal(c.name)
			}
			var m Message
			if got := verdict(t, &m, []byte(text)); got != c.want {
				t.Errorf("%s: %d, want %d (%v)", c.name, got, c.want, m.Validate())
			}
		})
	}
}

func TestValidateResponse(t *testing.T) {
	res := crlf("SIP/2.0 200 OK\nVia: SIP/2.0/UDP h\nFrom: <sip:a@h>\nTo: <sip:b@h>;tag=1\nCall-ID: x\nCSeq: 1 INVITE\n")
	for headers, want := range map[string]int{
		"": 0,
		// Not ours to judge: dropping the response would end the call
		"Contact: \"broken\r\n":                    0,
		"Max-Forwards: -1\r\n":                     0,
		"CSeq: 1 INVITE\r\n":                       400,
		"Via: broken\r\n":                          400,
		"Record-Route: \"broken\r\n":               0,
		"Path: <\r\n":                              0,
		"Route: <\r\n":                             0,
		"Max-Forwards: 1\r\nMax-Forwards: 2\r\n":   0,
		"Server: a\r\nServer: b\r\n":               0,
		"X: " + strings.Repeat("x", 9000) + "\r\n": 0,
		strings.Repeat("X: x\r\n", 257):            513,
	} {
		t.Run(headers, func(t *testing.T) {
			if got := verdict(t, new(Message), []byte(res+headers+"\r\n")); got != want {
				t.Errorf("%q: %d, want %d", headers, got, want)
			}
		})
	}
}
