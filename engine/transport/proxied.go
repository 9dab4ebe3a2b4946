// The PROXY protocol: a load balancer says in front of a connection whose it is.

package transport

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Bounds of a header, from "The PROXY protocol, versions 1 & 2".
const (
	longestProxyLine = 107     // bytes of a header of version 1, CR LF included
	longestProxyInfo = 4 << 10 // bytes behind the fixed part of one of version 2; addresses take 36
)

// proxySignature begins a header of version 2.
var proxySignature = []byte("\r\n\r\n\x00\r\nQUIT\n")

// ErrProxyHeader is why a connection of a load balancer was closed: its header can't be read.
var ErrProxyHeader = errors.New("transport: the PROXY header can't be read")

// proxied reports whether a connection comes from a load balancer that begins with a header.
// Nobody else's word about an address counts.
func (l *Local) proxied(remote netip.AddrPort) bool {
	for _, p := range l.Proxies {
		if p.Contains(remote.Addr().Unmap()) {
			return true
		}
	}
	return false
}

// unwrap reads the header of a load balancer on a goroutine of its own, within the limits of
// handshakes, and lets the connection in as that of its client.
func (s *Stack) unwrap(nc net.Conn, local *Local, from netip.AddrPort) {
	h := s.halfOpen.enter(s, nc)
	if h == nil {
		nc.Close()
		return
	}
	s.running.Add(1)
	go func() { // ends with the header, at the latest when the time for handshakes is over
		defer s.running.Done()
		err := nc.SetDeadline(s.clock.in(s.opts.HandshakeTimeout))
		client := from
		if err == nil {
			client, err = readProxyHeader(nc, from)
		}
		if !s.halfOpen.leave(h) {
			err = errors.Join(errHandshakes, err)
		}
		if err == nil {
			err = clearDeadline(nc)
		}
		if err != nil {
			s.count(local.Kind).handshakeErrors.Add(1)
			s.opts.Log.Debug("transport: no PROXY header", "transport", local.Kind, "peer", from, "error", err)
			nc.Close()
			return
		}
		s.enter(nc, local, client)
	}()
}

// readProxyHeader reads the header, and nothing behind it. It returns the client's address, or from
// if the connection is the load balancer's own.
func readProxyHeader(r io.Reader, from netip.AddrPort) (netip.AddrPort, error) {
	var head [16]byte
	begin := head[:len(proxySignature)] // the shortest header of version 1 is longer
	if _, err := io.ReadFull(r, begin); err != nil {
		return from, fmt.Errorf("%w: %w", ErrProxyHeader, err)
	}
	if bytes.Equal(begin, proxySignature) {
		if _, err := io.ReadFull(r, head[len(begin):]); err != nil {
			return from, fmt.Errorf("%w: %w", ErrProxyHeader, err)
		}
		return readProxyInfo(r, head, from)
	}
	if !bytes.HasPrefix(begin, []byte("PROXY ")) {
		return from, ErrProxyHeader
	}
	line := append(make([]byte, 0, longestProxyLine), begin...)
	for !bytes.HasSuffix(line, []byte("\r\n")) {
		if len(line) == longestProxyLine {
			return from, ErrProxyHeader
		}
		line = line[:len(line)+1] // byte by byte: what follows is not the header's
		if _, err := io.ReadFull(r, line[len(line)-1:]); err != nil {
			return from, fmt.Errorf("%w: %w", ErrProxyHeader, err)
		}
	}
	return parseProxyLine(string(line[:len(line)-2]), from)
}

// parseProxyLine reads "PROXY TCP4 192.0.2.1 198.51.100.1 56324 5060" (section 2.1).
func parseProxyLine(line string, from netip.AddrPort) (netip.AddrPort, error) {
	words := strings.Split(line, " ")
	if words[1] == "UNKNOWN" { // "the receiver must ignore anything presented before the CRLF"
		return from, nil
	}
	if len(words) != 6 || words[1] != "TCP4" && words[1] != "TCP6" {
		return from, ErrProxyHeader
	}
	for i, address := range words[2:4] {
		ip, err := netip.ParseAddr(address)
		port, bad := strconv.ParseUint(words[4+i], 10, 16)
		if err != nil || bad != nil || ip.Is4() != (words[1] == "TCP4") || ip.Zone() != "" {
			return from, ErrProxyHeader
		}
		if i == 0 {
			from = netip.AddrPortFrom(ip.Unmap(), uint16(port))
		}
	}
	return checkClient(from)
}

// readProxyInfo reads what follows the fixed part of version 2 (section 2.2).
func readProxyInfo(r io.Reader, head [16]byte, from netip.AddrPort) (netip.AddrPort, error) {
	size := int(binary.BigEndian.Uint16(head[14:]))
	if head[12]>>4 != 2 || size > longestProxyInfo {
		return from, ErrProxyHeader
	}
	info := make([]byte, size)
	if _, err := io.ReadFull(r, info); err != nil {
		return from, fmt.Errorf("%w: %w", ErrProxyHeader, err)
	}
	switch head[12] & 0xf {
	case 0: // LOCAL: a check of the load balancer's own
		return from, nil
	case 1:
	default:
		return from, ErrProxyHeader
	}
	switch {
	case head[13] == 0x11 && size >= 12: // TCP over IPv4
		ip, _ := netip.AddrFromSlice(info[:4])
		return checkClient(netip.AddrPortFrom(ip, binary.BigEndian.Uint16(info[8:])))
	case head[13] == 0x21 && size >= 36: // TCP over IPv6
		ip, _ := netip.AddrFromSlice(info[:16])
		return checkClient(netip.AddrPortFrom(ip.Unmap(), binary.BigEndian.Uint16(info[32:])))
	case head[13] == 0: // UNSPEC: "the receiver should use the real connection endpoints"
		return from, nil
	}
	return from, ErrProxyHeader
}

// checkClient refuses addresses that no client can have.
func checkClient(a netip.AddrPort) (netip.AddrPort, error) {
	if ip := a.Addr(); a.Port() == 0 || ip.IsUnspecified() || ip.IsMulticast() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return a, ErrProxyHeader
	}
	return a, nil
}

// readProxies reads the networks of load balancers.
func readProxies(text string) (list []netip.Prefix) {
	for word := range strings.FieldsSeq(text) {
		if p, err := netip.ParsePrefix(word); err == nil { // checked by ParseListen
			list = append(list, p)
		}
	}
	return list
}

// proxyNetwork reads a network, or an address alone.
func proxyNetwork(text string) (string, error) {
	if ip, err := netip.ParseAddr(text); err == nil && ip.Zone() == "" {
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()).String(), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Addr().Is4In6() {
		return "", fmt.Errorf("%q is not a network, such as 10.0.0.0/8, nor an address", text)
	}
	return p.Masked().String(), nil
}
