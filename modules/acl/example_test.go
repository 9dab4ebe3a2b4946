package acl_test

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/sipscript/sipscript/modules/acl"
	"github.com/sipscript/sipscript/modules/source"
	"github.com/sipscript/sipscript/modules/trust"
)

func Example() {
	lists, err := acl.New(acl.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer lists.Close()
	err = lists.Use(context.Background(), acl.Policy{Lists: map[string]source.Spec{"trunks": {Entries: []any{"192.0.2.0/24"}}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	entry, ok, _ := lists.Check("trunks", &trust.Sender{Addr: netip.MustParseAddrPort("192.0.2.7:5060")})
	fmt.Println(entry.Address, ok)
	// Output: 192.0.2.0/24 true
}
