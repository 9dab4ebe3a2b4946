package message

import "testing"

func TestURIAsWritten(t *testing.T) {
	for _, text := range []string{
		"sip:h", "sip:a@h", "sip:a:b@h", "sip:user:@h", "sip:a@h;p?x=y", "sip:a@h?x=y", "sip:a@h?", "sip:h;", "sip:a@h;;lr;lr",
		"SIP:A@H:05060;Transport=TCP", "sips:a%40b@[2001:db8::1]:5061;lr", "sip:user;par=u%40example.net@example.com",
		"sip:a/b?c=d@h", "sip:*21#@h", "sip:1;phone-context=+1@h;user=phone", "sip:a@h;maddr=[::1]",
		"tel:+1-201-555-0123;ext=7", "tel:7042;phone-context=example.com", "TEL:*67", "http://example.com/x?y=z#f",
		"urn:service:sos", "isbn:2983792873", "sip:!-_.~*'()&=+$,;?/%20:&=+$,@a_b.c-d.", "sip:h?a=b@c",
	} {
		u, err := ParseURI([]byte(text))
		if err != nil {
			if text == "sip:h?a=b@c" { // the '@' makes "h?a=b" the user: legal, too
				continue
			}
			t.Errorf("%q: %v", text, err)
			continue
		}
		same(t, "as written", u.AppendTo(nil), text)
	}
}

func TestParseURI(t *testing.T) {
	u, err := ParseURI([]byte("sips:al%69ce:pw@[2001:db8::1]:99;lr;transport=tcp?a=b&c=d"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "scheme", u.Scheme, "sips")
	same(t, "user", u.User, "al%69ce")
	same(t, "password", u.Password, "pw")
	same(t, "host", u.Host, "2001:db8::1")
	same(t, "params", u.Params, ";lr;transport=tcp")
	same(t, "headers", u.Headers, "a=b&c=d")
	if u.Port != 99 || !u.HasPassword || !u.IsSIP() {
		t.Errorf("%+v", u)
	}
	u.Port, u.User, u.HasPassword = 5061, nil, false
	same(t, "changed", u.AppendTo(nil), "sips:[2001:db8::1]:5061;lr;transport=tcp?a=b&c=d")

	for _, text := range []string{
		"", "sip", "sip:", ":h", "1sip:h", "sip:@h", "sip::p@h", "sip:a@", "sip:a@h:", "sip:a@h:0", "sip:a@h:65536", "sip:a@h:x",
		"sip:a b@h", "sip:a@h b", "<sip:a@h>", "sip:a@h;x=<", "sip:a%4@h", "sip:a%zz@h", "sip:a@b@c", "sip:[::1", "sip:2001:db8::10",
		"sip:[2001:db8::10:5070:]", "sip:a\"b@h", "sip:a@h\r\n", "sip:a@h;=x", "tel:", "tel:+", "tel:(-)", "tel:abz", "tel:1+2", "tel:1?x", "x:", "x:a b",
		"sip:[1:2:3:4:5:6:7:8:9]", "sip:[:::]", "sip:[1::2::3]", "sip:[12345::]", "sip:[::1.2.3]", "sip:[::1.2.3.256]",
	} {
		if u, err := ParseURI([]byte(text)); err == nil {
			t.Errorf("%q: no error, %+v", text, u)
		}
	}
}

func TestAppendAOR(t *testing.T) {
	for text, want := range map[string]string{
		"sip:alice@Example.COM":                  "sip:alice@example.com",
		"sip:alice@Example.COM.:5060":            "sip:alice@example.com",
		"sip:alice@.":                            "sip:alice@.",
		"SIP:%61lice:pw@example.com:5060;lr?x=y": "sip:alice@example.com",
		"sips:alice@example.com:5061":            "sip:alice@example.com",
		"sips:alice@example.com:5060":            "sip:alice@example.com",
		"sip:alice@example.com:5061":             "sip:alice@example.com:5061",
		"sip:a%40b%3bc%20@example.com":           "sip:a%40b;c%20@example.com",
		"sip:Alice@h":                            "sip:Alice@h",
		"sip:h;transport=tcp":                    "sip:h",
		"sip:a@[2001:DB8:0::1]":                  "sip:a@[2001:db8::1]",
		"tel:+1-(201)-555.0123;x=y":              "tel:+12015550123",
		"tel:70-42;phone-context=Example.com":    "tel:7042;phone-context=example.com",
		"tel:70-42;phone-context=+1-2":           "tel:7042;phone-context=+12",
		"URN:service:sos":                        "urn:service:sos",
		"sip:*21%23@h":                           "sip:*21%23@h",
		"sip:*21#@h":                             "sip:*21%23@h",
	} {
		t.Run(text, func(t *testing.T) {
			u, err := ParseURI([]byte(text))
			if err != nil {
				t.Error(text, err)
				return
			}
			same(t, text, u.AppendAOR(nil), want)
		})
	}
}
