package main

import (
	"strings"
	"testing"
)

// A host alone is for all listeners that have none of their own, with the port of each.
func TestAdvertiseEverywhere(t *testing.T) {
	for _, row := range []struct{ name, args, want, fails string }{
		{"name", "--advertise sip.example.net", "udp sip.example.net:OWN, tcp sip.example.net:OWN", ""},
		{"IPv4", "--advertise 192.0.2.7", "udp 192.0.2.7:OWN, tcp 192.0.2.7:OWN", ""},
		{"IPv6", "--advertise 2001:db8::7", "udp [2001:db8::7]:OWN, tcp [2001:db8::7]:OWN", ""},
		{"IPv6 in brackets", "--advertise [2001:db8::7]", "udp [2001:db8::7]:OWN, tcp [2001:db8::7]:OWN", ""},
		{"one of its own", "--advertise sip.example.net --advertise tcp:127.0.0.1=192.0.2.7:6060", "udp sip.example.net:OWN, tcp 192.0.2.7:6060", ""},
		{"its own first", "--advertise tcp:127.0.0.1=2001:db8::8 --advertise sip.example.net", "udp sip.example.net:OWN, tcp [2001:db8::8]:OWN", ""},
		{"with a port", "--advertise sip.example.net:5060", "", "each listener has a port of its own"},
		{"twice", "--advertise a.example --advertise b.example", "", "a.example is for all listeners already"},
		{"nonsense", "--advertise udp:127.0.0.1:5060", "", "PUBLIC_HOST alone"},
	} {
		t.Run(row.name, func(t *testing.T) {
			args := append([]string{"-l", "udp:127.0.0.1:0", "-l", "tcp:127.0.0.1:0"}, strings.Fields(row.args)...)
			if row.fails != "" {
				if _, err := parse(t, args, nil, ""); err == nil || !strings.Contains(err.Error(), row.fails) {
					t.Errorf("%v", err)
				}
				return
			}
			s, _ := served(t, append([]string{"-l", "tcp:127.0.0.1:0"}, strings.Fields(row.args)...)...)
			var list []string
			for _, l := range s.engine.Locals() {
				_, port, _ := strings.Cut(l.Addr.String(), ":")
				list = append(list, l.Kind.String()+" "+strings.TrimSuffix(l.SentBy, port))
			}
			want := strings.ReplaceAll(row.want, "OWN", "")
			if got := strings.Join(list, ", "); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
}
