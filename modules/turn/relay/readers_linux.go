//go:build linux && (amd64 || arm64 || riscv64 || loong64) && !portable

package relay

// The goroutines that read what peers send, each from the sockets of many allocations: by an epoll
// of its own, which Go's poller watches.

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	mostReaders  = 4
	mostEvents   = 64
	perSocket    = 8                    // datagrams that are read from a socket at a time
	mostInARow   = 16                   // such reads before others have their turn
	watchedFlags = unix.EPOLLIN | 1<<31 // EPOLLET, which package unix has as a negative number
)

// relayReaders share the allocations.
type relayReaders struct {
	all  []*relayReader
	next atomic.Uint32
}

// relayReader is one goroutine.
type relayReader struct {
	epoll *os.File
	raw   syscall.RawConn

	mu   sync.RWMutex
	byFD []*allocation // guarded by mu
}

func (r *relayReaders) open() error {
	for range min(runtime.GOMAXPROCS(0), mostReaders) {
		fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
		if err != nil {
			r.stop()
			return os.NewSyscallError("epoll_create1", err)
		}
		_ = unix.SetNonblock(fd, true) // so that Go's poller takes it
		reader := &relayReader{epoll: os.NewFile(uintptr(fd), "epoll")}
		if reader.raw, err = reader.epoll.SyscallConn(); err != nil {
			_ = reader.epoll.Close()
			r.stop()
			return err
		}
		r.all = append(r.all, reader)
	}
	return nil
}

func (r *relayReaders) start(s *Server) {
	for _, reader := range r.all {
		s.running.Go(func() { reader.run(s) }) // ends with stop
	}
}

func (r *relayReaders) stop() {
	for _, reader := range r.all {
		_ = reader.epoll.Close()
	}
}

// add begins to read what peers send to an allocation.
func (r *relayReaders) add(_ *Server, a *allocation) error {
	reader := r.all[r.next.Add(1)%uint32(len(r.all))]
	a.socket.reader = reader
	reader.watch(a.socket.fd, a)
	var failed error
	err := reader.raw.Control(func(epoll uintptr) {
		failed = unix.EpollCtl(int(epoll), unix.EPOLL_CTL_ADD, a.socket.fd, &unix.EpollEvent{Events: watchedFlags, Fd: int32(a.socket.fd)})
	})
	if err != nil {
		return err
	}
	return os.NewSyscallError("epoll_ctl", failed)
}

func (r *relayReader) watch(fd int, a *allocation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.byFD) <= fd {
		r.byFD = append(r.byFD, nil)
	}
	r.byFD[fd] = a
}

func (r *relayReader) forget(fd int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if fd < len(r.byFD) {
		r.byFD[fd] = nil
	}
}

func (r *relayReader) find(fd int32) *allocation {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if fd < 0 || int(fd) >= len(r.byFD) {
		return nil
	}
	return r.byFD[fd]
}

// run reads until the epoll is closed.
func (r *relayReader) run(s *Server) {
	b := &peerBatch{worker: newWorker(s), batch: newBatch()}
	var events [mostEvents]unix.EpollEvent
	n := 0
	wait := func(fd uintptr) bool {
		got, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, fd, uintptr(unsafe.Pointer(&events[0])), mostEvents, 0, 0, 0)
		if n = int(got); errno != 0 {
			n = 0
		}
		return n > 0 || errno == unix.EINTR
	}
	for {
		if r.raw.Read(wait) != nil {
			return
		}
		b.begin()
		for i := range n {
			if a := r.find(events[i].Fd); a != nil && a.socket.hold() {
				if b.read(a) {
					r.again(a)
				}
				a.socket.drop()
			}
		}
		b.send()
	}
}

// again asks for another event of a socket that was not emptied.
func (r *relayReader) again(a *allocation) {
	_ = r.raw.Control(func(epoll uintptr) {
		_ = unix.EpollCtl(int(epoll), unix.EPOLL_CTL_MOD, a.socket.fd, &unix.EpollEvent{Events: watchedFlags, Fd: int32(a.socket.fd)})
	})
}

// peerBatch gathers the datagrams of several sockets.
type peerBatch struct {
	*worker
	*batch
	used int
}

// read reads what there is for an allocation, whose socket is held; true: there may be more.
func (b *peerBatch) read(a *allocation) bool {
	for range mostInARow {
		if b.used+perSocket > batchSize {
			b.send()
		}
		n, errno := b.receive(a.socket.fd, b.used, perSocket)
		if errno != 0 { // nothing there, or the error of a datagram that was sent before
			return errno != unix.EAGAIN
		}
		for i := b.used; i < b.used+n; i++ {
			from, ok := b.from(i)
			if !ok {
				b.drop(droppedLong)
				continue
			}
			b.fromPeer(a, from, b.bufs[i], int(b.hdrs[i].n))
		}
		b.used += n
		if n < perSocket {
			return false
		}
	}
	return true
}

// send sends what was read.
func (b *peerBatch) send() {
	b.end()
	b.used = 0
}
