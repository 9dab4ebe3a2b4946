package registrar

// This file makes clients that only one process can reach (over the connection they opened, through
// their NAT) reachable for the other processes that share its store: a binding of such a client is
// stored with a Route entry that leads to that process, and contains a token by which it finds the
// client (RFC 5626 §5.2).

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/transport"
)

// Shared is a Store that other processes use as well.
type Shared interface {
	// Join tells the store, before there is traffic, which node this process is: the store calls
	// Publish on what it writes and Adopt on what it reads. It calls changed when another process
	// has changed the bindings of an address, with "" if that may be true of any, because the store
	// was unreachable for a while. changed does not block.
	Join(n *Node, changed func(aor string))
}

// Node is this process among those that share a store. They must share the engine's secret too.
type Node struct {
	key    [32]byte
	boot   uint64                    // of this process: connections don't outlive it
	locals func() []*transport.Local // those that serve
	at     atomic.Pointer[places]    // swapped as a whole
}

// places are where others reach a node.
type places struct {
	local *transport.Local // the listener of the first
	// The ends of Route entries that lead here, from the '@' on: "192.0.2.1:5060;lr". The first is
	// written; those of listeners that have left are understood: stores and dialogs have them.
	hosts []string
}

// mostHosts bounds the hosts of a node: a token is compared with each.
const mostHosts = 16

// newNode creates the node that others reach at e's first UDP listener, or its first TCP listener,
// or its first one.
func newNode(e *engine.Engine) *Node {
	if len(e.Locals()) == 0 {
		return nil
	}
	n := &Node{key: e.Key("flow"), locals: e.Locals}
	n.at.Store(&places{})
	var boot [8]byte
	rand.Read(boot[:])
	n.boot = binary.BigEndian.Uint64(boot[:])
	n.hosts()
	return n
}

// host is the one that is written.
func (n *Node) host() string { return n.hosts()[0] }

// hosts are all, that which is written first. When its listener leaves, another one takes its
// place.
func (n *Node) hosts() []string {
	for {
		p, locals := n.at.Load(), n.locals()
		if len(locals) == 0 || slices.Contains(locals, p.local) {
			return p.hosts
		}
		next := &places{local: reachedAt(locals)}
		next.hosts = []string{hostOf(next.local)}
		for _, h := range p.hosts {
			if h != next.hosts[0] && len(next.hosts) < mostHosts {
				next.hosts = append(next.hosts, h)
			}
		}
		n.at.CompareAndSwap(p, next)
	}
}

// reachedAt is the listener at which other nodes reach this one.
func reachedAt(locals []*transport.Local) *transport.Local {
	for _, kind := range [...]transport.Kind{transport.UDP, transport.TCP} {
		for _, l := range locals {
			if l.Kind == kind {
				return l
			}
		}
	}
	return locals[0]
}

func hostOf(l *transport.Local) string {
	if l.Kind == transport.UDP {
		return l.SentBy + ";lr"
	}
	return l.SentBy + ";transport=" + l.Kind.String() + ";lr"
}

// Publish makes r a record that means the same to all processes.
func (n *Node) Publish(r *Record) {
	if r.Path != nil || r.Flow == 0 && r.Socket == "" {
		return // its Path or its contact is the way, from everywhere
	}
	r.Path = []string{"<sip:" + n.user(r, false) + ">"}
	r.Flow, r.Received, r.Socket = 0, "", ""
}

// Adopt turns a record that this process had published back into what it was, except for
// connections from before its last start: see [Record.LoseFlow].
func (n *Node) Adopt(r *Record) {
	if len(r.Path) != 1 {
		return
	}
	entry, ours := strings.CutPrefix(r.Path[0], "<sip:")
	token, host, ok := strings.Cut(entry, "@")
	host = strings.TrimSuffix(host, ">")
	if !ours || !ok || !slices.Contains(n.hosts(), host) {
		return
	}
	w, ok := n.readAt(host, token)
	if !ok {
		return
	}
	r.Path = nil
	r.Flow, r.Received, r.Socket = w.flow, w.received, w.socket
	if w.flow != 0 && w.boot != n.boot {
		r.LoseFlow()
	}
}

// edge are the options of a request that somebody sent to a flow: the sender knows of others (RFC
// 5626 §5.3.1).
var edge = &engine.ForkOptions{Edge: true}

// way is the content of a token: how its maker reaches the client.
type way struct {
	boot             uint64
	flow             transport.FlowID
	received, socket string
	routed           bool // the router decides on what comes for the client
}

const macBytes = 12 // 96 bits, as the engine's own signatures

// user is the user and the host of a URI that leads to r: a token, which holds the way there,
// signed so that nobody else can make one, at this node.
func (n *Node) user(r *Record, routed bool) string {
	host := n.host()
	var b [256]byte
	text := binary.BigEndian.AppendUint64(b[:0], n.boot)
	text = binary.AppendUvarint(text, uint64(r.Flow))
	text = proxy.AppendText(proxy.AppendText(text, r.Received), r.Socket)
	if routed {
		text = append(text, 1)
	}
	return string(proxy.AppendToken(nil, append(text, n.mac(host, text)...))) + "@" + host
}

// read is the way of a token that leads here; ok is false for anything else.
func (n *Node) read(token string) (w way, ok bool) {
	for _, host := range n.hosts() {
		if w, ok = n.readAt(host, token); ok {
			break
		}
	}
	return w, ok
}

// readAt is read for a token that was written for one host.
func (n *Node) readAt(host, token string) (w way, ok bool) {
	text := make([]byte, len(token))
	size, ok := proxy.ReadToken(text, []byte(token))
	if text = text[:size]; !ok || size < 8+macBytes {
		return w, false
	}
	text, mac := text[:len(text)-macBytes], text[len(text)-macBytes:]
	if !hmac.Equal(mac, n.mac(host, text)) {
		return w, false
	}
	w.boot = binary.BigEndian.Uint64(text)
	d := decoder{rest: text[8:]}
	w.flow = transport.FlowID(d.number())
	w.received, w.socket = strings.Clone(d.text()), strings.Clone(d.text())
	w.routed = len(d.rest) > 0 && d.number() == 1
	return w, !d.failed
}

// mac is over the address as well: the nodes of a cluster have the same key, and a token is for one
// of them.
func (n *Node) mac(host string, text []byte) []byte {
	m := hmac.New(sha256.New, n.key[:])
	m.Write([]byte(host))
	m.Write([]byte{0})
	m.Write(text)
	return m.Sum(nil)[:macBytes]
}

// Intercept serves what does not concern the router, and reports whether req was such a request:
// the later SUBSCRIBEs of the notifier's dialogs, and a request that another process sent here for
// a client that only this one reaches, which is relayed: that process has decided on it, and nobody
// else could have made the token in it. Go programs call it first in Route; scripts don't see the
// request.
//
// It also says where the client of a token is whose requests the router wants to decide on, and
// what a GRUU denotes that is the remote target of a dialog (engine.Request.ResolveTo), for
// requests that it does not take.
func (r *Registrar) Intercept(req *engine.Request) (taken bool, err error) {
	if taken, err = r.notifier.Intercept(req); taken {
		return true, err
	}
	r.vouchForTarget(req)
	n := r.node.Load()
	if n == nil || len(req.RouteUser()) == 0 {
		r.vouch(req)
		return false, nil
	}
	w, ok := n.read(string(req.RouteUser()))
	if !ok {
		r.vouch(req)
		return false, nil
	}
	if w.flow != 0 && (w.boot != n.boot || !req.Engine().FlowOpen(w.flow)) {
		_, err = req.Reply(430, "Flow Failed", nil) // RFC 5626 §5.3.1
		return true, err
	}
	targets := []*engine.Target{{Flow: w.flow, FlowOnly: w.flow != 0, Received: w.received, FromSocket: w.socket}}
	if w.routed {
		req.ResolveTo(targets)
		return false, nil
	}
	// Later requests of the dialog come this way as well.
	if err := req.RecordRoute(); err != nil {
		return true, fmt.Errorf("registrar: %w", err)
	}
	_, err = req.Relay(targets, edge)
	return true, err
}
