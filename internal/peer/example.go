package peer

// Running an example program's serve function within a test.

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"
	"time"
)

// Example is what a serve function gets in place of its process.
type Example struct {
	Context context.Context
	Out     io.Writer // where it writes "listening udp 127.0.0.1:40000"
}

// RunExample runs serve until the test ends, and returns the first listener it announced. serve
// must return nil then.
func RunExample(t testing.TB, serve func(Example) error) Server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	read, write := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := serve(Example{ctx, write})
		_ = write.CloseWithError(io.EOF)
		ended <- err
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the example ended with: %v", err)
			}
		case <-time.After(Patience):
			t.Error("the example does not end")
		}
	})
	lines := make(chan string, 16)
	go func() { // ends with the example, which closes the pipe
		defer close(lines)
		for s := bufio.NewScanner(read); s.Scan(); {
			select {
			case lines <- s.Text():
			default: // nobody reads any more
			}
		}
	}()
	deadline := time.After(Patience)
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				t.Fatal("the example ended before it listened")
			}
			if f := strings.Fields(line); len(f) == 3 && f[0] == "listening" {
				return Server{Transport: f[1], Addr: f[2]}
			}
		case <-deadline:
			t.Fatal("the example does not listen")
		}
	}
}
