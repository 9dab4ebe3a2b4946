//go:build linux

package main

// The server's processes.

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cpuOf is the CPU of all processes in a group, in seconds.
func cpuOf(group int) (s float64) {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		f := strings.Fields(rest) // from the state, field 3 of proc(5), on
		if len(f) < 13 || f[2] != strconv.Itoa(group) {
			continue
		}
		for _, i := range []int{11, 12} {
			ticks, _ := strconv.ParseFloat(f[i], 64)
			s += ticks / 100
		}
	}
	return s
}

func freeAddr() (string, error) {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer c.Close()
	return c.LocalAddr().String(), nil
}

var errSilent = errors.New("it does not answer")

// awaitAnswer asks from an address of its own until there is an answer, or the address does not
// refuse any more and says nothing, as a server that drops does.
func awaitAnswer(to netip.AddrPort) error {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 8, 0, 1)})
	if err != nil {
		return err
	}
	defer c.Close()
	buf := make([]byte, 2048)
	for i := range 100 {
		text := fmt.Sprintf(request, c.LocalAddr(), i, i, i)
		_, _ = c.WriteToUDPAddrPort([]byte(text), to)
		_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if _, err := c.Read(buf); err == nil {
			return nil
		}
	}
	return errSilent
}
