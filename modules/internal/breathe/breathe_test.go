package breathe_test

import (
	"fmt"
	"testing"

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

func ExampleEvery() {
	sum := 0
	for i := range 10_000 {
		sum += i
		breathe.Every(4096, i)
	}
	fmt.Println(sum)
	// Output: 49995000
}
