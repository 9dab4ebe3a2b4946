package message

import "testing"

// The examples of RFC 3261 §19.1.4, RFC 3966 §4 and some of our own.
func TestURIEqual(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true},
		{"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true},
		{"sip:carol@chicago.com", "sip:carol@chicago.com;security=on", true},
		{"sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true},
		{"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com", "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true},
		{"sip:alice@atlanta.com?subject=project%20x&priority=urgent", "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true},

		{"SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false},
		{"sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false},
		{"sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false},
		{"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false},

		{"sip:a@h", "sips:a@h", false},
		{"sip:a@h", "sip:h", false},
		{"sip:a@h", "sip:a:@h", false},
		{"sip:a:p@h", "sip:a:P@h", false},
		{"sip:a%3Bb@h", "sip:a;b@h", false}, // reserved: not the same as its escape
		{"sip:a%3Bb@h", "sip:a%3bb@h", true},
		{"sip:a@h;maddr=1", "sip:a@h", false},
		{"sip:a@h;ttl=1", "sip:a@h", false},
		{"sip:a@h", "sip:a@h;user=phone", false},
		{"sip:a@h", "sip:a@h;method=INVITE", false},
		{"sip:a@h;lr", "sip:a@h", true},
		{"sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0::1]", true},
		{"sip:a@[2001:db8::1]", "sip:a@[2001:db8::2]", false},
		{"sip:h?a=1&a=2", "sip:h?a=1&b=2", false},
		{"sip:h?A=1", "sip:h?a=1", true},

		{"tel:+1-201-555-0123", "tel:+1(201)555.0123", true},
		{"tel:+12015550123", "tel:12015550123", false},
		{"tel:7042;phone-context=cs.example.com", "tel:7042;Phone-Context=CS.example.com", true},
		{"tel:7042;phone-context=cs.example.com", "tel:7042", false},
		{"tel:+1;ext=1-2;isub=3", "tel:+1;isub=3;ext=12", true},
		{"tel:+1", "sip:+1@h", false},
		{"urn:service:sos", "URN:service:sos", true},
		{"urn:service:sos", "urn:service:SOS", false},
	} {
		t.Run(c.a, func(t *testing.T) {
			a, err := ParseURI([]byte(c.a))
			if err != nil {
				t.Fatal(c.a, err)
			}
			b, err := ParseURI([]byte(c.b))
			if err != nil {
				t.Fatal(c.b, err)
			}
			if a.Equal(&b) != c.want || b.Equal(&a) != c.want {
				t.Errorf("%s\n%s: %v and %v, want %v", c.a, c.b, a.Equal(&b), b.Equal(&a), c.want)
			}
			if !a.Equal(&a) || !b.Equal(&b) {
				t.Errorf("not equal to itself: %s or %s", c.a, c.b)
			}
		})
	}
}
