//go:build unix

package transport

import (
	"context"
	"io"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// once counts how often it was told.
type once struct{ told atomic.Int32 }

func (o *once) SendFailed(error) { o.told.Add(1) }

// Connections come and go under the senders: no message is told twice or after an error of Send,
// none of the peers gets half a message in the middle, and Close leaves nothing running.
func TestStressPeersThatHangUp(t *testing.T) {
	addr, conns := peer(t)
	s := NewStack(newRecorder(nil), Options{MaxQueued: 1 << 20})
	open(t, s, "tcp:127.0.0.1:0")
	s.Serve()
	stop := make(chan struct{})
	hung := make(chan struct{})
	go func() { // the peer: reads some, hangs up, half of the time with a reset; ends with stop
		defer close(hung)
		for i := 0; ; i++ {
			select {
			case c := <-conns:
				io.CopyN(io.Discard, c, int64(i*997%20000))
				c.SetLinger(i%2 - 1)
				c.Close()
			case <-stop:
				return
			}
		}
	}()
	var wg sync.WaitGroup
	var failed, refused atomic.Int64
	var mu sync.Mutex // guards all
	var all []*once
	for range 4 {
		wg.Go(func() {
			text := []byte(request(1, 700))
			var sent []*once
			for s.Stats(TCP).Connected < 100 {
				f := &once{}
				if err := s.Send(&Peer{Kind: TCP, Addr: addr}, text, f); err != nil {
					if refused.Add(1); f.told.Load() != 0 {
						t.Error("refused and told")
					}
					runtime.Gosched()
					continue
				}
				sent = append(sent, f)
			}
			mu.Lock()
			all = append(all, sent...)
			mu.Unlock()
		})
	}
	wg.Wait()
	s.Close(t.Context())
	close(stop)
	<-hung
	for _, f := range all {
		n := f.told.Load()
		if n > 1 {
			t.Errorf("told %d times", n)
		}
		failed.Add(int64(n))
	}
	t.Logf("%d told to have failed, %d refused, %+v", failed.Load(), refused.Load(), s.Stats(TCP))
	if st := s.Stats(TCP); st.Open != 0 || st.Connected != st.Closed || st.Connected == 0 {
		t.Errorf("%+v", st)
	}
	if s.conns.total != 0 || len(s.conns.byKey) != 0 || len(s.flows.all()) != 0 {
		t.Errorf("left: %d, %d", s.conns.total, len(s.conns.byKey))
	}
}

// Close in the midst of everything.
func TestStressClose(t *testing.T) {
	for i := range 30 {
		addr, conns := peer(t)
		s := serve(t, newRecorder(func(s *Stack, in *Inbound) {
			s.Send(&Peer{Kind: in.Kind, Addr: in.Source, Local: in.Local, Flow: in.Flow}, in.Bytes, nil)
		}), Options{}, "tcp:127.0.0.1:0", "udp:127.0.0.1:0")
		var wg sync.WaitGroup
		for k := range 4 {
			wg.Go(func() {
				to := &Peer{Kind: TCP, Addr: addr}
				if k%2 == 1 {
					to = &Peer{Kind: UDP, Addr: s.Locals()[1].Addr}
				}
				for s.Send(to, []byte(request(1, 0)), nil) == nil {
				}
			})
		}
		c := dial(t, s.Locals()[0].Addr)
		go func() { // ends when the connection is closed
			for {
				if _, err := io.WriteString(c, request(1, 100)); err != nil {
					return
				}
			}
		}()
		go io.Copy(io.Discard, c)
		p := await(t, conns)
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i)*time.Millisecond)
		s.Close(ctx)
		cancel()
		p.Close()
		c.Close()
		wg.Wait()
	}
}

// What an idle connection costs, after it has said something: goroutine, socket, tables, all in
// all.
func TestTrap11IdleConnectionsAreCheap(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector's memory counts too")
	}
	const n = 400
	var got counter
	s := serve(t, &got, Options{}, "tcp:127.0.0.1:0")
	before := memory()
	// Plain sockets, so that the client's side costs this process nothing but the kernel's part.
	for i := range n {
		fd := plainConn(t, s.Locals()[0].Addr)
		defer syscall.Close(fd)
		if _, err := syscall.Write(fd, []byte(request(i, 2000))); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "all said something", func() bool { return got.Load() == n })
	idleCost(t, before, n, 15000)
}

func plainConn(t *testing.T, to netip.AddrPort) int {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		err = syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
	}
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// Messages on a stream allocate nothing, read and answered.
func TestStreamMessagesAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("under -race sync.Pool drops what it is given")
	}
	to := Peer{Kind: TCP}
	s := serve(t, newRecorder(func(s *Stack, in *Inbound) {
		to.Addr, to.Flow = in.Source, in.Flow
		s.Send(&to, in.Bytes, nil)
	}), Options{}, "tcp:127.0.0.1:0")
	c := dial(t, s.Locals()[0].Addr)
	text, b := []byte(request(1, 600)), make([]byte, 4096)
	if n := testing.AllocsPerRun(2000, func() {
		c.Write(text)
		io.ReadFull(c, b[:len(text)])
	}); n > 0.1 {
		t.Errorf("%v allocations for each", n)
	}
}
