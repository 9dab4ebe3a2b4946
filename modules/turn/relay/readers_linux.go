//go:build linux && (amd64 || arm64 || riscv64 || loong64) && !portable

package relay

// The goroutines that read datagrams, each those of many sockets: by an epoll of its own. It is in
// another epoll, the bell, which Go's poller watches. While a reader gathers packets the bell is
// off, and so nothing wakes up for them.

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	mostReaders  = 4
	mostEvents   = 64
	perSocket    = 8                    // datagrams of an allocation's socket at a time
	mostInARow   = 16                   // such reads before others have their turn
	watchedFlags = unix.EPOLLIN | 1<<31 // EPOLLET, which package unix has as a negative number
)

// relayReaders share the sockets.
type relayReaders struct {
	all    []*relayReader
	fronts int // the first ones, which read listeners
	next   atomic.Uint32
}

// relayReader is one goroutine.
type relayReader struct {
	sockets descriptor // the epoll that has them
	bell    *os.File
	raw     syscall.RawConn // of the bell
	closed  atomic.Bool

	mu   sync.RWMutex
	byFD []*udpSocket // guarded by mu
}

func (r *relayReaders) open() error {
	for range min(runtime.GOMAXPROCS(0), mostReaders) {
		reader := &relayReader{}
		if err := reader.open(); err != nil {
			r.stop()
			return os.NewSyscallError("epoll", err)
		}
		r.all = append(r.all, reader)
	}
	return nil
}

func (r *relayReader) open() error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	r.sockets.own(fd)
	bell, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err == nil {
		_ = unix.SetNonblock(bell, true) // so that Go's poller takes it
		r.bell = os.NewFile(uintptr(bell), "epoll")
		err = control(bell, unix.EPOLL_CTL_ADD, fd, watchedFlags)
	}
	if err == nil {
		r.raw, err = r.bell.SyscallConn()
	}
	if err != nil {
		r.close()
	}
	return err
}

func control(epoll, op, fd int, flags uint32) error {
	return unix.EpollCtl(epoll, op, fd, &unix.EpollEvent{Events: flags, Fd: int32(fd)})
}

func (r *relayReader) close() {
	r.closed.Store(true)
	if r.bell != nil {
		_ = r.bell.Close()
	}
	r.sockets.drop()
}

func (r *relayReaders) start(s *Server) {
	for _, reader := range r.all {
		s.running.Go(func() { reader.run(s) }) // ends with stop
	}
}

func (r *relayReaders) stop() {
	for _, reader := range r.all {
		reader.close()
	}
}

// listen has what clients send to a listener read from start on. Each has one reader, which is the
// only one that changes the allocations of its clients.
func (r *relayReaders) listen(l *listener) error {
	l.udp.listener = l
	reader := r.all[r.fronts%len(r.all)]
	r.fronts++
	return reader.add(l.udp)
}

// add begins to read what peers send to an allocation, in a reader without listeners if there is
// one.
func (r *relayReaders) add(_ *Server, a *allocation) error {
	a.socket.allocation = a
	free := r.all[min(r.fronts, len(r.all)):]
	if len(free) == 0 {
		free = r.all
	}
	return free[r.next.Add(1)%uint32(len(free))].add(a.socket)
}

func (r *relayReader) add(u *udpSocket) error {
	u.reader = r
	r.watch(u)
	if !r.sockets.hold() {
		return os.ErrClosed
	}
	defer r.sockets.drop()
	return os.NewSyscallError("epoll_ctl", control(r.sockets.fd, unix.EPOLL_CTL_ADD, u.fd, watchedFlags))
}

func (r *relayReader) watch(u *udpSocket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.byFD) <= u.fd {
		r.byFD = append(r.byFD, nil)
	}
	r.byFD[u.fd] = u
}

func (r *relayReader) forget(fd int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if fd < len(r.byFD) {
		r.byFD[fd] = nil
	}
}

func (r *relayReader) find(fd int32) *udpSocket {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if fd < 0 || int(fd) >= len(r.byFD) {
		return nil
	}
	return r.byFD[fd]
}

// run reads until the reader is closed.
func (r *relayReader) run(s *Server) {
	if !r.sockets.hold() {
		return
	}
	defer r.sockets.drop()
	b := &readBatch{worker: newWorker(s), batch: newBatch(), reader: r}
	var p pace
	clock := time.Now() // which no test sets
	now := func() int64 { return int64(time.Since(clock)) }
	got := 0
	wait := func(uintptr) bool {
		got = b.look()
		return got > 0
	}
	for {
		if r.raw.Read(wait) != nil {
			return
		}
		if !p.woken(now(), got) || !r.ring(false) {
			continue
		}
		for gathering := true; gathering; {
			if d := p.pause(now()); d > 0 {
				time.Sleep(d)
			} else {
				runtime.Gosched() // there is no end of packets, and there are others
			}
			if r.closed.Load() {
				return
			}
			began := now()
			gathering = p.looked(began, b.look())
		}
		if !r.ring(true) {
			return
		}
	}
}

// ring switches the bell on or off; false: it is closed. If there is something it rings at once.
func (r *relayReader) ring(on bool) bool {
	flags := uint32(0)
	if on {
		flags = watchedFlags
	}
	failed := error(nil)
	err := r.raw.Control(func(bell uintptr) { failed = control(int(bell), unix.EPOLL_CTL_MOD, r.sockets.fd, flags) })
	return err == nil && failed == nil
}

// again asks for another event of a socket that was not emptied.
func (r *relayReader) again(u *udpSocket) {
	_ = control(r.sockets.fd, unix.EPOLL_CTL_MOD, u.fd, watchedFlags)
}

// readBatch gathers the datagrams of several sockets.
type readBatch struct {
	*worker
	*batch
	reader *relayReader
	events [mostEvents]unix.EpollEvent
	used   int
	c      client // who sent to a listener
}

// look reads what there is, and returns how many datagrams. The reader's epoll is held.
func (b *readBatch) look() (got int) {
	b.begin()
	for n := mostEvents; n == mostEvents; {
		if n = b.wait(); n == 0 {
			break
		}
		for i := range n {
			if u := b.reader.find(b.events[i].Fd); u != nil && u.hold() {
				datagrams, more := b.read(u)
				if got += datagrams; more {
					b.reader.again(u)
				}
				u.drop()
			}
		}
		b.send()
	}
	return got
}

// wait returns how many sockets have something. It does not wait, so Go's scheduler is not told.
func (b *readBatch) wait() int {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(b.reader.sockets.fd), uintptr(unsafe.Pointer(&b.events[0])), mostEvents, 0, 0, 0)
		switch errno {
		case 0:
			return int(n)
		case unix.EINTR:
		default:
			return 0
		}
	}
}

// read reads what there is for a socket, which is held; more: there may be more.
func (b *readBatch) read(u *udpSocket) (got int, more bool) {
	for range mostInARow {
		if b.used+perSocket > batchSize {
			b.send()
		}
		count := perSocket
		if u.listener != nil {
			count = batchSize - b.used
		}
		n, errno := b.receive(u.fd, b.used, count)
		if errno != 0 { // nothing there, or the error of a datagram that was sent before
			return got, errno != unix.EAGAIN
		}
		first := b.used
		b.used += n
		got += n
		for i := first; i < b.used; i++ {
			b.handle(u, i)
		}
		if n < count {
			return got, false
		}
	}
	return got, true
}

// handle handles the datagram in a slot.
func (b *readBatch) handle(u *udpSocket, i int) {
	from, ok := b.from(i)
	switch {
	case !ok:
		b.drop(droppedLong)
	case u.listener != nil:
		b.c = client{listener: u.listener, addr: from}
		b.fromClient(&b.c, b.bufs[i], int(b.hdrs[i].n))
	default:
		b.fromPeer(u.allocation, from, b.bufs[i], int(b.hdrs[i].n))
	}
}

// send sends what was read.
func (b *readBatch) send() {
	b.end()
	b.used = 0
}
