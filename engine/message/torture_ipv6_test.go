package message

// RFC 5118 §4: IPv6 in SIP.

// ipv6SDP is a body of RFC 5118.
func ipv6SDP(origin, connection string) string {
	return "v=0\no=assistant 971731711378798081 0 IN IP6 " + origin + "\ns=Live video feed for today's meeting\nc=IN IP6 " +
		connection + "\nt=3338481189 3370017201\nm=audio 6000 RTP/AVP 2\na=rtpmap:2 G726-32/8000\nm=video 6024 RTP/AVP 107\na=rtpmap:107 H263-1998/90000\n"
}

func tortureIPv6() []tortureCase {
	register := func(uri string) string {
		return `REGISTER ` + uri + ` SIP/2.0
To: sip:user@example.com
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111
Call-ID: SSG9559905523997077@hlau_4100
Max-Forwards: 70
Contact: "Caller" <sip:caller@[2001:db8::1]>
CSeq: 98176 REGISTER
Content-Length: 0

`
	}
	bye := func(received string) string {
		return `BYE sip:[2001:db8::10] SIP/2.0
To: sip:user@example.com;tag=bd76ya
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::9:1];received=` + received + `;branch=z9hG4bKas3-111
Call-ID: SSG9559905523997077@hlau_4100
Max-Forwards: 70
CSeq: 321 BYE
Content-Length: 0

`
	}
	options := func(host string) string {
		return `OPTIONS sip:user@` + host + ` SIP/2.0
To: sip:user@` + host + `
From: sip:user@example.com;tag=810x2
Via: SIP/2.0/UDP lab1.east.example.com;branch=z9hG4bKas3-111
Call-ID: G9559905523997077@hlau_4100
CSeq: 689 OPTIONS
Max-Forwards: 70
Content-Length: 0

`
	}
	invite := func(via, contact, body string) string {
		return `INVITE sip:user@[2001:db8::10] SIP/2.0
To: sip:user@[2001:db8::10]
From: sip:user@example.com;tag=81x2
Via: ` + via + `
Call-ID: SSG9559905523997077@hlau_4100
Contact: "Caller" <sip:` + contact + `>
CSeq: 8612 INVITE
Max-Forwards: 70
Content-Type: application/sdp

` + body
	}
	return []tortureCase{
		{"ipv6-good", "4.1", 0, "", register("sip:[2001:db8::10]")},
		{"ipv6-bad", "4.2", 400, "a reference without brackets", register("sip:2001:db8::10")},
		{"port-ambiguous", "4.3", 0, "what looks like a port within the brackets is the address's last group", register("sip:[2001:db8::10:5070]")},
		{"port-unambiguous", "4.4", 0, "", register("sip:[2001:db8::10]:5070")},
		{"via-received-delimited", "4.5", 0, "brackets around received are not in the grammar, but sent", bye("[2001:db8::9:255]")},
		{"via-received-plain", "4.5", 0, "", bye("2001:db8::9:255")},
		{"ipv6-in-sdp", "4.6", 0, "the body is for endpoints", invite("SIP/2.0/UDP [2001:db8::20];branch=z9hG4bKas3-111", "caller@[2001:db8::20]", ipv6SDP("2001:db8::20", "2001:db8::20"))},
		{"mult-ip-in-header", "4.7", 0, "addresses of both families", `BYE sip:user@host.example.net SIP/2.0
Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144
Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200
Call-ID: 997077@lau_4100
Max-Forwards: 70
CSeq: 89187 BYE
To: sip:user@example.net;tag=9817--94
From: sip:user@example.com;tag=81x2
Content-Length: 0

`},
		{"mult-ip-in-sdp", "4.8", 0, "the body is for endpoints", invite("SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111", "caller@[2001:db8::9:1]", ipv6SDP("2001:db8::20", "192.0.2.1"))},
		{"ipv4-mapped-ipv6", "4.9", 0, "", invite("SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19\nVia: SIP/2.0/UDP [::ffff:192.0.2.2];branch=z9hG4bKas3-111", "ted@[::ffff:192.0.2.2]", ipv6SDP("::ffff:192.0.2.2", "::ffff:192.0.2.2"))},
		{"three-colons", "4.10", 0, "a fault of RFC 3261's grammar that must be tolerated", options("[2001:db8:::192.0.2.1]")},
		{"two-colons", "4.10", 0, "", options("[2001:db8::192.0.2.1]")},
	}
}
