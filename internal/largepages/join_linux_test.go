package largepages

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A list that is joined is what it was, and lists that have no whole page are left alone.
func TestJoin(t *testing.T) {
	for _, row := range []struct {
		name string
		n    int
		may  bool
	}{{"none", 0, false}, {"short", 1000, false}, {"less than a page", size4 - 1, false}, {"many pages", 4*size4 + 17, true}} {
		t.Run(row.name, func(t *testing.T) {
			list := make([]uint32, row.n)
			for i := range list {
				list[i] = uint32(i) * 7
			}
			switch {
			case !row.may && Join(list):
				t.Error("joined")
			case row.may && !joins(t, list):
				t.Error("not joined")
			}
			for i := range list {
				if list[i] != uint32(i)*7 {
					t.Fatalf("%d is %d", i, list[i])
				}
			}
		})
	}
}

// size4 is how many numbers of four bytes a page has.
const size4 = 2 << 20 / 4

// joins has a list joined, and again while the system has no large page for it just then. It is
// false if the system joins memory of the test's own, and not the list.
func joins(t *testing.T, list []uint32) bool {
	for range 10 {
		if Join(list) {
			return true
		}
	}
	own, err := unix.Mmap(-1, 0, 3*size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(own)
	clear(own)
	skip := int(-uintptr(unsafe.Pointer(&own[0])) & (size - 1))
	if err := unix.Madvise(own[skip:skip+size], collapse); err != nil {
		t.Log("this system joins no pages now: ", err)
		return true
	}
	return false
}
