//go:build linux

package main

// The load: one thread that sends and counts, which does not wait for anybody.

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/pion/stun/v3"

	"github.com/sipscript/sipscript/modules/turn/relay"
)

const (
	channelNumber = 0x4001
	period        = 20 * time.Millisecond // between two packets of a stream
	warmUp        = time.Second           // before figures are taken
)

// stream is a client and its peer.
type stream struct {
	client, peer int // connected sockets
}

func load(o options) error {
	streams := make([]stream, o.Streams+1) // and that of the probe
	for i := range streams {
		if err := streams[i].open(o.Server, i); err != nil {
			return fmt.Errorf("stream %d: %w", i, err)
		}
	}
	frame := binary.BigEndian.AppendUint16(nil, channelNumber)
	frame = append(binary.BigEndian.AppendUint16(frame, uint16(o.Size)), make([]byte, o.Size)...)
	p := pump{streams: streams[:o.Streams], frame: frame, together: o.Together, buf: make([]byte, 2048), probe: probe{stream: streams[o.Streams]}}
	p.run(warmUp)
	time.Sleep(20 * time.Millisecond)
	p.drain()
	p.sent, p.got, p.probe.delays = 0, 0, nil
	before, err := cpu(o.Process)
	if err != nil {
		return err
	}
	began := time.Now()
	p.run(time.Duration(o.Seconds) * time.Second)
	wall := time.Since(began)
	time.Sleep(20 * time.Millisecond)
	after, err := cpu(o.Process)
	if err != nil {
		return err
	}
	p.drain()
	r := result{Sent: p.sent, Packets: p.got, CPU: (after - before).Seconds(), Wall: wall.Seconds()}
	r.Half, r.Most = p.probe.quantiles()
	return json.NewEncoder(os.Stdout).Encode(r)
}

// pump sends the packets of streams evenly, and takes what has come meanwhile.
type pump struct {
	streams   []stream
	frame     []byte
	together  bool
	buf       []byte
	sent, got int
	probe     probe
}

// probe measures how long packets take: one at a time, now from its client and now from its peer.
type probe struct {
	stream
	back   bool // the peer sends
	next   time.Time
	began  time.Time // of the packet that is under way, or zero
	delays []time.Duration
}

const probePeriod = 7 * time.Millisecond // and so at every time of a period

// watch sends when it is time to, and looks whether the packet is there.
func (p *pump) watch() {
	o, now := &p.probe, time.Now()
	from, to, b := o.client, o.peer, p.frame
	if o.back {
		from, to, b = o.peer, o.client, p.frame[4:]
	}
	switch {
	case o.began.IsZero() && now.After(o.next):
		o.began = now
		_ = write(from, b)
	case o.began.IsZero():
	case read(to, p.buf):
		o.delays = append(o.delays, time.Since(o.began))
		o.began, o.next, o.back = time.Time{}, o.began.Add(probePeriod), !o.back
	case now.Sub(o.began) > time.Second: // it is lost
		o.began = time.Time{}
	}
}

// quantiles are microseconds that half of the packets take at most, and 99 of 100.
func (o *probe) quantiles() (half, most float64) {
	slices.Sort(o.delays)
	at := func(q float64) float64 {
		if len(o.delays) == 0 {
			return 0
		}
		return float64(o.delays[int(q*float64(len(o.delays)-1))]) / 1e3
	}
	return at(0.5), at(0.99)
}

func (p *pump) run(d time.Duration) {
	begin := time.Now()
	slot := period / time.Duration(len(p.streams))
	for n := 0; ; n++ {
		due := time.Duration(n) * slot
		if due >= d {
			return
		}
		if p.together {
			due = due.Truncate(time.Millisecond)
		}
		for p.watch(); time.Since(begin) < due; { // a sleep would be longer than a slot
			p.watch()
		}
		s := &p.streams[n%len(p.streams)]
		p.take(s.client)
		p.take(s.peer)
		p.send(s.client, p.frame)
		p.send(s.peer, p.frame[4:])
	}
}

func (p *pump) send(fd int, b []byte) {
	if write(fd, b) {
		p.sent++
	}
}

// take takes a packet of which there is usually one, and whatever waits with it.
func (p *pump) take(fd int) bool {
	if !read(fd, p.buf) {
		return false
	}
	p.got++
	return true
}

func write(fd int, b []byte) bool {
	_, _, err := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), syscall.MSG_DONTWAIT, 0, 0)
	return err == 0
}

func read(fd int, b []byte) bool {
	_, _, err := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), syscall.MSG_DONTWAIT, 0, 0)
	return err == 0
}

// drain takes the last packets.
func (p *pump) drain() {
	for _, s := range p.streams {
		for _, fd := range []int{s.client, s.peer} {
			for p.take(fd) {
			}
		}
	}
}

// open makes an allocation with a channel.
func (s *stream) open(server string, i int) error {
	to, err := netip.ParseAddrPort(server)
	if err != nil {
		return err
	}
	client, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return err
	}
	at, err := allocate(client, "user"+strconv.Itoa(i), func(relayed netip.AddrPort) (netip.AddrPort, error) {
		peer, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(relayed))
		if err != nil {
			return netip.AddrPort{}, err
		}
		if s.peer, err = descriptor(peer); err != nil {
			return netip.AddrPort{}, err
		}
		return netip.ParseAddrPort(peer.LocalAddr().String())
	})
	if err != nil {
		return fmt.Errorf("%v: %w", at, err)
	}
	s.client, err = descriptor(client)
	return err
}

// descriptor is a socket without Go's poller.
func descriptor(c *net.UDPConn) (int, error) {
	defer c.Close()
	f, err := c.File()
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return syscall.Dup(int(f.Fd()))
}

// allocate makes an allocation, and binds a channel to the peer that connect makes.
func allocate(conn net.Conn, user string, connect func(relayed netip.AddrPort) (netip.AddrPort, error)) (relayed netip.AddrPort, err error) {
	c := relay.Secrets{[]byte(secret)}.Credentials(user, time.Now(), time.Hour)
	m, err := ask(conn, stun.MethodAllocate, transport{})
	if err != nil {
		return relayed, err
	}
	var realm stun.Realm
	var nonce stun.Nonce
	if err := errors.Join(realm.GetFrom(m), nonce.GetFrom(m)); err != nil {
		return relayed, err
	}
	signed := []stun.Setter{stun.NewUsername(c.Username), realm, nonce, stun.NewLongTermIntegrity(c.Username, string(realm), c.Password)}
	if m, err = ask(conn, stun.MethodAllocate, append([]stun.Setter{transport{}}, signed...)...); err != nil {
		return relayed, err
	}
	var a stun.XORMappedAddress
	if err := a.GetFromAs(m, stun.AttrXORRelayedAddress); err != nil {
		return relayed, fmt.Errorf("%v: %w", m, err)
	}
	if relayed, err = netip.ParseAddrPort(a.String()); err != nil {
		return relayed, err
	}
	peer, err := connect(relayed)
	if err != nil {
		return relayed, err
	}
	if m, err = ask(conn, stun.MethodChannelBind, append([]stun.Setter{number{}, address{peer}}, signed...)...); err == nil && m.Type.Class != stun.ClassSuccessResponse {
		err = fmt.Errorf("%v", m)
	}
	return relayed, err
}

// ask sends a request and waits for its answer.
func ask(conn net.Conn, method stun.Method, fields ...stun.Setter) (*stun.Message, error) {
	m, err := stun.Build(append([]stun.Setter{stun.TransactionID, stun.NewType(method, stun.ClassRequest)}, fields...)...)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 2048)
	for range 5 {
		if _, err = conn.Write(m.Raw); err != nil {
			return nil, err
		}
		_ = conn.SetReadDeadline(time.Now().Add(time.Second))
		var n int
		if n, err = conn.Read(b); err == nil {
			answer := &stun.Message{Raw: b[:n]}
			return answer, answer.Decode()
		}
	}
	return nil, err
}

type transport struct{}

func (transport) AddTo(m *stun.Message) error {
	m.Add(stun.AttrRequestedTransport, []byte{17, 0, 0, 0})
	return nil
}

type number struct{}

func (number) AddTo(m *stun.Message) error {
	m.Add(stun.AttrChannelNumber, []byte{channelNumber >> 8, channelNumber & 0xFF, 0, 0})
	return nil
}

type address struct{ netip.AddrPort }

func (a address) AddTo(m *stun.Message) error {
	return stun.XORMappedAddress{IP: a.Addr().AsSlice(), Port: int(a.Port())}.AddToAs(m, stun.AttrXORPeerAddress)
}

// cpu is the time that all threads of a process have been on a processor, user and system.
func cpu(process int) (total time.Duration, err error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", process))
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("the threads of process %d: %w", process, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // of a thread that ended meanwhile
		}
		ns, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		if err != nil {
			return 0, err
		}
		total += time.Duration(ns)
	}
	return total, nil
}
