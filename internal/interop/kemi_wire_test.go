package interop

// One message after another to a server, and what it sends because of it, on every wire. A request
// that is answered at once follows each message, and what came before its answer belongs to the
// message.

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
)

// sides are the sockets at a server: a caller, two callees, a trunk whose address is trusted, and
// one that sends too much.
var sides = []string{"A", "B", "C", "T", "F"}

const (
	trunkAddress = "127.0.0.9"
	floodAddress = "127.0.0.13"
)

// ping is a request that a server answers by itself; its blanks are URI, address, branch, Call-ID.
const ping = "OPTIONS %[1]s SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s;rport;branch=z9hG4bK-%[3]s\r\nMax-Forwards: 70\r\nFrom: <sip:s@example.com>;tag=s\r\nTo: <%[1]s>\r\n" +
	"Call-ID: %[4]s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"

// patience0 is how long a message that the other server has sent, too, may take.
const patience0 = 5 * time.Second

// wires are the sockets at one server.
type wires struct {
	t       *testing.T
	server  netip.AddrPort
	sockets map[string]*net.UDPConn
	names   *strings.Replacer
	serial  int
	seen    map[string]bool // datagrams, so that a retransmission counts once
}

func newWires(t *testing.T, server string) *wires {
	t.Helper()
	w := unconnected(t)
	w.connect(server)
	return w
}

// unconnected are the sockets before there is a server.
func unconnected(t *testing.T) *wires {
	t.Helper()
	w := &wires{t: t, seen: map[string]bool{}, sockets: map[string]*net.UDPConn{}}
	for _, side := range sides {
		ip := net.IPv4(127, 0, 0, 1)
		switch side {
		case "T":
			ip = net.ParseIP(trunkAddress)
		case "F":
			ip = net.ParseIP(floodAddress)
		}
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: ip})
		if err != nil {
			t.Skipf("this system has one loopback address: %v", err)
		}
		t.Cleanup(func() { c.Close() })
		w.sockets[side] = c
	}
	return w
}

// connect says where the server is.
func (w *wires) connect(server string) {
	w.server = netip.MustParseAddrPort(server)
	names := []string{server, "{S}"}
	for side, c := range w.sockets {
		port := c.LocalAddr().(*net.UDPAddr).AddrPort()
		names = append(names, port.String(), "{"+side+"}", fmt.Sprintf("%s~%d", port.Addr(), port.Port()), "{"+side+"~}")
	}
	w.names = strings.NewReplacer(names...)
}

// fill puts addresses in the place of {S}, {A}, {B} …
func (w *wires) fill(text string) string {
	list := []string{"{S}", w.server.String()}
	for side, c := range w.sockets {
		list = append(list, "{"+side+"}", c.LocalAddr().String())
	}
	return strings.NewReplacer(list...).Replace(text)
}

func (w *wires) send(side, text string) {
	w.t.Helper()
	if _, err := w.sockets[side].WriteToUDPAddrPort([]byte(w.fill(text)), w.server); err != nil {
		w.t.Fatal(err)
	}
}

// heard is what came to each side.
type heard map[string][]string

func (h heard) count() (n int) {
	for _, list := range h {
		for _, text := range list {
			if !strings.HasPrefix(text, "SIP/2.0 100 ") {
				n++
			}
		}
	}
	return n
}

// settled waits until the server has done what was sent to it, and returns what came. A server that
// asks a database first lets others pass: what is expected of it must have come before it counts as
// done.
func (w *wires) settled(expected int) heard {
	w.t.Helper()
	h := heard{}
	for deadline := time.Now().Add(patience0); ; {
		w.settle(h)
		if h.count() >= expected || time.Now().After(deadline) {
			return h
		}
		time.Sleep(time.Millisecond) // the database answers in its own time
	}
}

// settle adds what came before the answer to a request.
func (w *wires) settle(h heard) {
	w.t.Helper()
	w.serial++
	id := fmt.Sprintf("settled-%d", w.serial)
	w.send("A", fmt.Sprintf(ping, "sip:{S}", "{A}", id, id))
	h["A"] = append(h["A"], w.read("A", id)...)
	for _, side := range sides[1:] {
		if _, err := w.sockets["A"].WriteToUDP([]byte(id), w.sockets[side].LocalAddr().(*net.UDPAddr)); err != nil {
			w.t.Fatal(err)
		}
		h[side] = append(h[side], w.read(side, id)...)
	}
}

// read returns what came before the datagram that has the mark. What came before is not read again.
func (w *wires) read(side, mark string) (list []string) {
	w.t.Helper()
	c := w.sockets[side]
	buf := make([]byte, 65536)
	for {
		if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			w.t.Fatal(err)
		}
		n, err := c.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			w.t.Fatalf("the server does not answer: %v", err)
		}
		if err != nil { // a message of ICMP about another datagram
			continue
		}
		text := string(buf[:n])
		if text == mark || strings.Contains(text, "\r\nCall-ID: "+mark+"\r\n") {
			return list
		}
		if strings.Contains(text, "Call-ID: settled-") || w.seen[text] {
			continue
		}
		w.seen[text] = true
		list = append(list, text)
	}
}

// headerField is a header of a message: its name in lower case.
type headerField struct{ name, value string }

// packet is a message as the two servers are compared by: addresses have names, what a server makes
// up is "*", the headers are in the order of their names.
type packet struct {
	start  string
	fields []headerField
	body   string
}

// seenAs reads a message that came to a wire.
func (w *wires) seenAs(text string) packet {
	w.t.Helper()
	var m message.Message
	if err := m.Parse([]byte(text), &message.Limits{}); err != nil {
		w.t.Fatalf("%v\n%s", err, text)
	}
	line, _, _ := strings.Cut(strings.TrimLeft(text, "\r\n"), "\r\n")
	if text[0] == '\r' {
		line = blankFirst + line
	}
	p := packet{start: w.names.Replace(line), body: mediaPort.ReplaceAllString(string(m.Body()), "$1*")}
	for i := range m.Len() {
		name := strings.ToLower(string(m.Name(i)))
		if id := m.ID(i); id != message.HeaderOther {
			name = strings.ToLower(id.String())
		}
		p.fields = append(p.fields, headerField{name, made(w.names.Replace(string(m.Value(i))))})
	}
	slices.SortStableFunc(p.fields, func(a, b headerField) int { return strings.Compare(a.name, b.name) })
	return p
}

// mediaPort is a port of a media proxy, which the test's own sessions do not have.
var mediaPort = regexp.MustCompile(`(m=audio |a=rtcp:)[3-6]\d{4}`)

// blankFirst stands before the start line of a message that has blank lines before it.
const blankFirst = "(blank) "

// made puts "*" in the place of tags and branches that are not the test's own.
func made(value string) string {
	parts := strings.Split(value, ";")
	for i, part := range parts {
		name, v, _ := strings.Cut(part, "=")
		if name == "tag" && !strings.HasPrefix(v, "fix") || name == "branch" && !strings.HasPrefix(v, "z9hG4bK-fix") {
			parts[i] = name + "=*"
		}
		if name == "rport" && v != "" {
			parts[i] = "rport=*"
		}
	}
	return strings.Join(parts, ";")
}

func (p packet) text() string {
	var b strings.Builder
	b.WriteString(p.start + "\n")
	for _, f := range p.fields {
		b.WriteString("  " + f.name + ": " + f.value + "\n")
	}
	if p.body != "" {
		b.WriteString("  [" + p.body + "]\n")
	}
	return b.String()
}

func (p *packet) drop(name string) (had bool) {
	p.fields = slices.DeleteFunc(p.fields, func(f headerField) bool { had = had || f.name == name; return f.name == name })
	return had
}

func (p *packet) value(name string) string {
	for _, f := range p.fields {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

func (p *packet) change(name string, f func(string) string) {
	for i := range p.fields {
		if p.fields[i].name == name {
			p.fields[i].value = f(p.fields[i].value)
		}
	}
}
