package resolver

// This file holds the names that need no DNS: the hosts file, hosts in the options, localhost and
// .invalid.

import (
	"bufio"
	"io"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	hostsLook  = 5 * time.Second // between two checks of the file
	hostsBytes = 1 << 20         // of the file that are read
	hostsAddrs = 16              // per name
)

// hostTable is the names of a hosts file; it never changes.
type hostTable map[string][]netip.Addr

// hosts is the table of names. When the file has changed, a goroutine of the resolver reads it
// again: a lookup that finds the table old uses it, and starts the check.
type hosts struct {
	file   string
	fixed  hostTable
	loaded atomic.Pointer[hostTable]

	looked atomic.Int64 // when the file was last looked at, in Unix nanoseconds

	// Guards what follows; held while the file is read, so never taken by a lookup
	mu       sync.Mutex
	modified time.Time
	size     int64 // -1: there was no file
}

// newHosts reads the file; one that can't be read has no names.
func newHosts(file string, fixed map[string][]netip.Addr, now time.Time) *hosts {
	h := &hosts{file: file, fixed: make(hostTable, len(fixed))}
	h.looked.Store(now.UnixNano())
	for name, addrs := range fixed {
		if name, ok := canonical(name); ok {
			h.fixed[name] = addrs
		}
	}
	h.reload()
	return h
}

// find returns the addresses of a canonical name; known is false if the DNS must be asked. A known
// name may have no address.
func (h *hosts) find(name string) (addrs []netip.Addr, known bool) {
	if addrs, known = h.fixed[name]; known {
		return addrs, true
	}
	if t := h.loaded.Load(); t != nil {
		if addrs, known = (*t)[name]; known {
			return addrs, true
		}
	}
	switch {
	case below(name, "localhost"): // RFC 6761 §6.3
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}, true
	case below(name, "invalid"): // RFC 6761 §6.4
		return nil, true
	}
	return nil, false
}

// due tells one caller that it is time to check the file.
func (h *hosts) due(now time.Time) bool {
	if h.file == "" {
		return false
	}
	looked := h.looked.Load()
	return now.UnixNano()-looked >= int64(hostsLook) && h.looked.CompareAndSwap(looked, now.UnixNano())
}

// reload reads the file if it changed, and reports whether it did.
func (h *hosts) reload() bool {
	if h.file == "" {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	modified, size := time.Time{}, int64(-1)
	if info, err := os.Stat(h.file); err == nil {
		modified, size = info.ModTime(), info.Size()
	}
	if h.loaded.Load() != nil && modified.Equal(h.modified) && size == h.size {
		return false
	}
	table := hostTable{}
	if f, err := os.Open(h.file); err == nil {
		table = readHosts(f)
		f.Close()
	}
	h.modified, h.size = modified, size
	h.loaded.Store(&table)
	return true
}

// readHosts reads a hosts(5) file. Lines that can't be read are skipped, as the C library does.
func readHosts(f io.Reader) hostTable {
	table := hostTable{}
	for lines := bufio.NewScanner(io.LimitReader(f, hostsBytes)); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		addr, err := netip.ParseAddr(fields[0])
		if err != nil {
			continue
		}
		for _, name := range fields[1:] {
			if name, ok := canonical(name); ok && len(table[name]) < hostsAddrs {
				table[name] = append(table[name], addr.Unmap())
			}
		}
	}
	return table
}
