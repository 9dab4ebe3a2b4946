package breathe_test

import (
	"fmt"
	"net"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/sipscript/sipscript/modules/internal/breathe"
)

// Others run while a loop does that never waits, on one processor too.
func TestOthersRun(t *testing.T) {
	done := make(chan int)
	go func() { done <- 1 }() // ends when it is heard
	for i := range 1 << 30 {
		breathe.Every(1000, i)
		select {
		case <-done:
			return
		default:
		}
	}
	t.Error("nobody else ran")
}

// A pause is short, also where nobody else has anything to do: a million steps have thousands.
func TestPausesAreShort(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no timer of the kernel")
	}
	least := time.Hour // of rounds, since others use the machine
	for range 20 {
		start := time.Now()
		for range 10 {
			breathe.Every(1, 0)
		}
		least = min(least, time.Since(start)/10)
	}
	if t.Log(least); least < 20*time.Microsecond || least > 600*time.Microsecond {
		t.Errorf("a pause takes %v", least)
	}
}

// What the network has brought is looked at in a pause, on one processor too: while two goroutines
// only yielded it would wait for up to 10 ms.
func TestTheNetworkIsLookedAt(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	heard := make(chan time.Time, 100)
	go func() { // ends with the socket
		for b := make([]byte, 10); ; heard <- time.Now() {
			if _, _, err := pc.ReadFrom(b); err != nil {
				return
			}
		}
	}()
	least := time.Hour
	for range 20 {
		if _, err := pc.WriteTo([]byte("hello"), pc.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		sent := time.Now()
		for len(heard) == 0 && time.Since(sent) < 10*time.Second {
			for work := time.Now(); time.Since(work) < 300*time.Microsecond; {
			}
			breathe.Every(1, 0)
		}
		least = min(least, (<-heard).Sub(sent))
	}
	if t.Log(least); least > 2*time.Millisecond {
		t.Errorf("it took %v", least)
	}
}

func TestList(t *testing.T) {
	for _, n := range []int{0, 1, 4095, 4096, 4097, 100_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			var l breathe.List[int]
			for i := range n {
				l.Append(i)
			}
			all := slices.Concat(l.Pieces()...)
			if l.Len() != n || len(all) != n {
				t.Fatalf("%d elements, %d in pieces", l.Len(), len(all))
			}
			for i := range n {
				if *l.At(i) != i || all[i] != i {
					t.Fatalf("at %d: %d, %d", i, *l.At(i), all[i])
				}
			}
		})
	}
}

// However long a list gets, nothing of it is copied but a piece.
func TestListIsNotCopied(t *testing.T) {
	var l breathe.List[[32]byte]
	l.Append([32]byte{})
	for range 4096 {
		l.Append([32]byte{})
	}
	second := l.At(4096)
	for range 1_000_000 {
		l.Append([32]byte{})
	}
	if second != l.At(4096) {
		t.Error("an element is somewhere else")
	}
}

func ExampleEvery() {
	sum := 0
	for i := range 10_000 {
		sum += i
		breathe.Every(4096, i)
	}
	fmt.Println(sum)
	// Output: 49995000
}
