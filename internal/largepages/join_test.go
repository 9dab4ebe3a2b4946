package largepages

import (
	"os"
	"runtime"
	"strings"
	"testing"
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
			switch joined := Join(list); {
			case joined && !row.may:
				t.Error("joined")
			case !joined && row.may && collapses():
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

// collapses reports whether this system is one that does it: Linux on amd64, where large pages are
// not off, and not too old.
func collapses() bool {
	text, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled")
	version, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	major, _, _ := strings.Cut(string(version), ".")
	return err == nil && runtime.GOARCH == "amd64" && !strings.Contains(string(text), "[never]") && (major == "6" && !strings.HasPrefix(string(version), "6.0.") || major == "7")
}
