package dialog

import (
	"testing"
	"unsafe"
)

// A leg keeps to the allocator's class of 896 bytes: the next has 1024, and there are two a call.
func TestLegIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(Leg{}); n > 896 {
		t.Errorf("a leg has %d bytes: what few legs have belongs into rare", n)
	}
}
