package dialog

import (
	"testing"
	"unsafe"
)

// A call has at most 448 bytes, which is a size that the allocator has; the next one is 480, and
// with that a tracked call would take more than 900 (BenchmarkMemory).
func TestSizeOfCall(t *testing.T) {
	if n := unsafe.Sizeof(Call{}); n > 448 {
		t.Errorf("%d bytes", n)
	}
}
