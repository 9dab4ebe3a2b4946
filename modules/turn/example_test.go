package turn_test

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/sipscript/sipscript/modules/turn/relay"
)

// A server in a Go program, and credentials for it.
func Example() {
	secrets := relay.Secrets{[]byte("a secret of at least 16 bytes")}
	s, err := relay.New(relay.Options{
		Listeners: []relay.Listener{{Kind: relay.TURN, Addr: netip.MustParseAddrPort("127.0.0.1:0")}},
		Secrets:   secrets,
		Policy:    relay.DefaultPolicy(),
	})
	if err == nil {
		err = s.Listen()
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	s.Serve()
	defer s.Close()

	c := secrets.Credentials("alice", time.Unix(1800000000, 0), time.Hour)
	fmt.Println(c.Username, len(s.URIs()))
	// Output: 1800003600:alice 2
}
