package sdp_test

import (
	"fmt"
	"net/netip"

	"github.com/sipscript/sipscript/modules/sdp/body"
)

// A description is read and edited without Lua, too.
func Example() {
	s, err := body.Parse([]byte("v=0\nc=IN IP4 10.0.0.2\nm=audio 4000 RTP/AVP 8 0\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := s.SetAddress(netip.MustParseAddr("203.0.113.5")); err != nil {
		fmt.Println(err)
	}
	if _, err := s.KeepCodecs([]string{"PCMU"}); err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%s", s.Bytes())
	// Output:
	// v=0
	// c=IN IP4 203.0.113.5
	// m=audio 4000 RTP/AVP 0
}
