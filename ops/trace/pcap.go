package trace

// A capture file, as Wireshark reads it: what TLS and WebSockets carried is in plain text, in
// frames that were never on a wire.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"time"
)

const (
	linkRaw    = 101   // packets begin with the IP header
	sipPort    = 5060  // by which Wireshark knows SIP
	mostPacket = 65000 // bytes of a message in one packet
	protoTCP   = 6
	protoUDP   = 17
)

// WritePcap writes the messages of calls as a pcapng file. What went by UDP is in datagrams, and
// all else in segments of TCP, without TLS and frames of WebSockets; ports that stand for TLS, HTTP
// or HTTPS are 5060 there, so that nobody looks for these. Each packet has a comment that says how
// it went, and what the script had to do with it.
func WritePcap(w io.Writer, calls ...*Call) error {
	var out []byte
	out = block(out, 0x0a0d0d0a, section())
	out = block(out, 1, linkInterface())
	streams := map[[2]netip.AddrPort]uint32{}
	for _, c := range calls {
		v := emptyView()
		for i := range c.Events {
			e := &c.Events[i]
			h := v.add(e)
			if h == nil || e.Kind == "unsent" {
				continue
			}
			comment := e.Transport
			if h.Note != "" {
				comment += ", because of " + h.Note
			}
			if e.Length > len(e.bytes()) {
				comment += fmt.Sprintf(", cut from %d bytes", e.Length)
			}
			out = block(out, 6, packet(e, streams, comment))
		}
	}
	_, err := w.Write(out)
	return err
}

// block appends a block of pcapng: its type and length, what it holds, and its length again.
func block(out []byte, kind uint32, body []byte) []byte {
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	n := uint32(len(body) + 12)
	out = binary.LittleEndian.AppendUint32(out, kind)
	out = binary.LittleEndian.AppendUint32(out, n)
	out = append(out, body...)
	return binary.LittleEndian.AppendUint32(out, n)
}

// section is a Section Header Block: byte order, version 1.0, a length that is not known.
func section() []byte {
	b := binary.LittleEndian.AppendUint32(nil, 0x1a2b3c4d)
	b = binary.LittleEndian.AppendUint32(b, 1)
	return binary.LittleEndian.AppendUint64(b, 1<<64-1)
}

// linkInterface is an Interface Description Block; times are in microseconds.
func linkInterface() []byte {
	b := binary.LittleEndian.AppendUint16(nil, linkRaw)
	b = binary.LittleEndian.AppendUint16(b, 0)
	return binary.LittleEndian.AppendUint32(b, 0)
}

// packet is an Enhanced Packet Block.
func packet(e *Event, streams map[[2]netip.AddrPort]uint32, comment string) []byte {
	from, to := addrOf(e.Peer), addrOf(e.Local)
	if !to.IsValid() {
		to = netip.AddrPortFrom(loopback(from.Addr()), sipPort)
	}
	if e.Kind != "received" {
		from, to = to, from
	}
	data := frame(from, to, e, streams)
	at := uint64(when(e.At).UnixNano() / int64(time.Microsecond))
	b := binary.LittleEndian.AppendUint32(nil, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(at>>32))
	b = binary.LittleEndian.AppendUint32(b, uint32(at))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	b = append(b, data...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	b = binary.LittleEndian.AppendUint16(b, 1) // opt_comment
	b = binary.LittleEndian.AppendUint16(b, uint16(len(comment)))
	b = append(b, comment...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return append(b, 0, 0, 0, 0)
}

func loopback(like netip.Addr) netip.Addr {
	if like.Is4() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

// frame is an IP packet with the message.
func frame(from, to netip.AddrPort, e *Event, streams map[[2]netip.AddrPort]uint32) []byte {
	text := e.bytes()
	// What was cut is spaces: a reader of TCP counts by Content-Length, and must find the next
	if n := min(e.Length, mostPacket) - len(text); n > 0 {
		text = append(text[:len(text):len(text)], bytes.Repeat([]byte{' '}, n)...)
	}
	text = text[:min(len(text), mostPacket)]
	proto := byte(protoUDP)
	var body []byte
	if e.Transport == "udp" {
		body = binary.BigEndian.AppendUint16(body, from.Port())
		body = binary.BigEndian.AppendUint16(body, to.Port())
		body = binary.BigEndian.AppendUint16(body, uint16(8+len(text)))
		body = append(body, 0, 0)
	} else {
		proto = protoTCP
		from, to = plain(from), plain(to)
		way := [2]netip.AddrPort{from, to}
		seq := streams[way] + 1
		body = binary.BigEndian.AppendUint16(body, from.Port())
		body = binary.BigEndian.AppendUint16(body, to.Port())
		body = binary.BigEndian.AppendUint32(body, seq)
		body = binary.BigEndian.AppendUint32(body, streams[[2]netip.AddrPort{to, from}]+1)
		body = append(body, 5<<4, 0x18, 0xff, 0xff, 0, 0, 0, 0) // PSH and ACK
		streams[way] += uint32(len(text))
	}
	at := 6 // of the checksum
	if proto == protoTCP {
		at = 16
	}
	body = append(body, text...)
	sum := checksum(pseudo(from.Addr(), to.Addr(), proto, len(body)), body)
	binary.BigEndian.PutUint16(body[at:], sum)
	return append(ipHeader(from.Addr(), to.Addr(), proto, len(body)), body...)
}

// plain replaces ports by which Wireshark would expect something else than SIP.
func plain(a netip.AddrPort) netip.AddrPort {
	switch a.Port() {
	case 80, 443, 5061, 8080, 8443:
		return netip.AddrPortFrom(a.Addr(), sipPort)
	}
	return a
}

func ipHeader(from, to netip.Addr, proto byte, n int) []byte {
	from, to = from.Unmap(), to.Unmap()
	if from.Is4() && to.Is4() {
		b := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, proto, 0, 0}
		binary.BigEndian.PutUint16(b[2:], uint16(20+n))
		f, t := from.As4(), to.As4()
		b = append(append(b, f[:]...), t[:]...)
		binary.BigEndian.PutUint16(b[10:], checksum(0, b))
		return b
	}
	b := []byte{0x60, 0, 0, 0, 0, 0, proto, 64}
	binary.BigEndian.PutUint16(b[4:], uint16(n))
	f, t := from.As16(), to.As16()
	return append(append(b, f[:]...), t[:]...)
}

// pseudo is the sum of the header that UDP and TCP are summed with.
func pseudo(from, to netip.Addr, proto byte, n int) uint32 {
	var b []byte
	from, to = from.Unmap(), to.Unmap()
	if from.Is4() && to.Is4() {
		f, t := from.As4(), to.As4()
		b = append(append(b, f[:]...), t[:]...)
	} else {
		f, t := from.As16(), to.As16()
		b = append(append(b, f[:]...), t[:]...)
	}
	return sum(uint32(proto)+uint32(n), b)
}

func sum(s uint32, b []byte) uint32 {
	for ; len(b) > 1; b = b[2:] {
		s += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	return s
}

// checksum is that of the Internet (RFC 1071).
func checksum(s uint32, b []byte) uint16 {
	s = sum(s, b)
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return ^uint16(s)
}
