package auth_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/auth"
)

// Credentials are asked for and checked without an engine, too. In a router it is one call,
// Require(req, auth.Want{}), which answers 401 or 407 by itself.
func ExampleAuth_Verify() {
	policy := auth.DefaultPolicy()
	policy.Users = auth.Table{"alice": auth.NewPassword("open sesame")}
	a, err := auth.New(auth.Options{Policy: policy, Key: [32]byte{1}})
	if err != nil {
		fmt.Println(err)
		return
	}
	var m message.Message
	if err := m.Parse([]byte("REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"+
		"From: <sip:alice@example.com>;tag=1\r\nTo: <sip:alice@example.com>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n"), nil); err != nil {
		fmt.Println(err)
		return
	}
	source, now := netip.MustParseAddr("192.0.2.7"), time.Now()
	v := a.Verify(context.Background(), auth.Question{Message: &m, Source: source, Realm: "example.com", Now: now})
	fmt.Println("reason:", v.Reason)
	for _, value := range a.Challenges(auth.Challenge{Realm: "example.com", Source: source, Now: now}) {
		_, algorithm, _ := strings.Cut(value, "algorithm=")
		algorithm, _, _ = strings.Cut(algorithm, ",")
		fmt.Println("asked with", algorithm)
	}
	// Output:
	// reason: missing
	// asked with SHA-256
	// asked with MD5
}

// A list of addresses says who needs no password.
func ExamplePolicy_Trusts() {
	p := auth.DefaultPolicy()
	p.Trusted = []string{"192.0.2.0/24", "cert:trunk.example.net"}
	a, err := auth.New(auth.Options{Policy: p})
	if err != nil {
		fmt.Println(err)
		return
	}
	policy := a.Policy()
	fmt.Println(policy.Trusts(netip.MustParseAddr("192.0.2.9"), nil))
	fmt.Println(policy.Trusts(netip.MustParseAddr("198.51.100.1"), []string{"trunk.example.net"}))
	fmt.Printf("%q\n", policy.Trusts(netip.MustParseAddr("198.51.100.1"), nil))
	// Output:
	// 192.0.2.0/24
	// cert:trunk.example.net
	// ""
}
