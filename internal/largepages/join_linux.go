package largepages

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	size     = 2 << 20 // of a large page, but on a few machines; there the system refuses
	collapse = 25      // MADV_COLLAPSE of madvise(2), since Linux 6.1
)

// Join has a list lie in large pages, whole ones within it alone, so that it takes no more memory.
// It copies them: a list of 100 MB takes some 30 ms. joined is false for one that is too short, and
// where the system refuses, which nobody need know.
func Join[T any](list []T) (joined bool) {
	var one T
	bytes := cap(list) * int(unsafe.Sizeof(one))
	p := unsafe.Pointer(unsafe.SliceData(list))
	skip := int(-uintptr(p) & (size - 1)) // to where a page begins
	if bytes-skip < size {
		return false
	}
	whole := unsafe.Slice((*byte)(unsafe.Add(p, skip)), (bytes-skip)&^(size-1))
	return unix.Madvise(whole, collapse) == nil
}
