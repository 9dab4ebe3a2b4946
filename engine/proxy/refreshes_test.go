package proxy

import (
	"fmt"
	"testing"
)

func TestRefreshesAreBoundedByCall(t *testing.T) {
	s := NewSigner([32]byte{1}, [32]byte{2}, [32]byte{3}, [32]byte{4})
	var r refreshes
	honest := make([]partyKey, 2000)
	for i := range honest {
		honest[i] = s.partyKey(fmt.Appendf(nil, "call %d", i), []byte("tag"))
		r.add(honest[i], uint64(i)+1)
	}
	for i := range 2 * mostRefreshes { // one call under any number of tags
		r.add(s.partyKey([]byte("attack"), fmt.Appendf(nil, "tag %d", i)), 1)
	}
	lost := 0
	for i, p := range honest {
		if !r.has(p, uint64(i)+1) {
			lost++
		}
	}
	if lost > rowOfParties {
		t.Errorf("%d of %d are forgotten", lost, len(honest))
	}
	p := honest[0]
	for target := range uint64(4) {
		r.add(p, target+10)
	}
	if r.has(p, 1) || r.has(p, 11) || !r.has(p, 12) || !r.has(p, 13) || r.has(p, 0) {
		t.Error("the last two targets count, and no other")
	}
}
