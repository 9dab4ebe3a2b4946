package acl

// Host names in lists: their addresses, asked for now and then.

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/resolver"
	"github.com/sipscript/sipscript/modules/acl/prefix"
)

const (
	firstResolve = 2 * time.Second  // how long a script that names hosts waits for their addresses
	oneResolve   = 10 * time.Second // for all addresses of one name
	leastPause   = 30 * time.Second // between two times that a name is asked for
	mostPause    = time.Hour
	mostAddrs    = 64 // of one name
)

// names resolves the host names of the view in force.
type names struct {
	a *ACL

	mu    sync.Mutex
	known map[string][]netip.Addr // guarded by mu: what a name had when it was last resolved
	view  *view                   // guarded by mu: that is watched
	stop  context.CancelFunc      // guarded by mu; nil: nothing runs
	ended sync.WaitGroup          // what runs
	shut  bool                    // guarded by mu
}

func newNames(a *ACL) *names { return &names{a: a, known: map[string][]netip.Addr{}} }

// hosts are the entries of a view with names, by list.
func (v *view) hosts() map[*list][]*rule {
	all := map[*list][]*rule{}
	for _, l := range v.lists {
		for n, r := range l.parts() {
			if r == nil || n == len(l.parts())-1 { // which has their addresses
				continue
			}
			for _, x := range r.hosts {
				if !x.gone.Load() {
					all[l] = append(all[l], x)
				}
			}
		}
	}
	return all
}

// resolve asks for all names of a view that is about to serve, for a short while.
func (n *names) resolve(v *view) {
	hosts := v.hosts()
	if len(hosts) == 0 || n.a.engine.Load() == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), firstResolve)
	defer cancel()
	n.refresh(ctx, v, hosts)
}

// watch resolves the names of a view again when their time has come, until another is watched.
func (n *names) watch(v *view) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.view = v
	n.restart(leastPause)
}

// again resolves the names of the view in force now: one was added or removed.
func (n *names) again() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.view == nil {
		n.view = n.a.serving.Load()
	}
	n.restart(0)
}

// restart starts the goroutine again. n.mu is held.
func (n *names) restart(pause time.Duration) {
	if n.stop != nil {
		n.stop()
		n.stop = nil
	}
	if n.shut || n.a.engine.Load() == nil || len(n.view.hosts()) == 0 && pause > 0 {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	n.ended.Add(1)
	go n.run(ctx, n.view, pause) // ends when it is stopped
}

func (n *names) run(ctx context.Context, v *view, pause time.Duration) {
	defer n.ended.Done()
	for {
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		hosts := v.hosts()
		pause = n.refresh(ctx, v, hosts)
		if len(hosts) == 0 {
			return
		}
	}
}

func (n *names) close() {
	n.mu.Lock()
	n.shut = true
	if n.stop != nil {
		n.stop()
	}
	n.mu.Unlock()
	n.ended.Wait()
}

// refresh asks for the addresses of all names, and puts them into force. It returns when the first
// of them should be asked for again.
func (n *names) refresh(ctx context.Context, v *view, hosts map[*list][]*rule) time.Duration {
	next := mostPause
	asked := map[string]bool{}
	for _, list := range hosts {
		for _, x := range list {
			if !asked[x.text] {
				asked[x.text] = true
				next = min(next, n.ask(ctx, x.text))
			}
		}
	}
	for _, l := range v.lists {
		var list []*rule
		n.mu.Lock()
		for _, x := range hosts[l] {
			for _, addr := range n.known[x.text] {
				i := *x.item
				i.what, i.net = isNetwork, prefix.Host(addr)
				list = append(list, &rule{item: &i, dynamic: true, of: x})
			}
		}
		n.mu.Unlock()
		if r, err := newRules(list, l.dropped); err == nil {
			l.resolved.Store(r)
		}
	}
	return max(next, leastPause)
}

// ask asks for one name. If that fails, what it had stays.
func (n *names) ask(ctx context.Context, name string) (again time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, oneResolve)
	defer cancel()
	e := n.a.engine.Load()
	if e == nil {
		return leastPause
	}
	addrs, again, err := addresses(ctx, e, name)
	if err != nil {
		if ctx.Err() == nil || errors.Is(ctx.Err(), context.DeadlineExceeded) {
			n.a.o.Log.Warn("acl: a host name can't be resolved; the addresses it had remain in force", "host", name, "error", err)
		}
		return leastPause
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.known[name] = addrs
	return again
}

// addresses are those of a name, and of the hosts that its SRV records name (RFC 3263 §4.2).
func addresses(ctx context.Context, e *engine.Engine, name string) (addrs []netip.Addr, again time.Duration, err error) {
	again = mostPause
	hosts := []string{name}
	for _, service := range []string{"_sip._udp.", "_sip._tcp.", "_sips._tcp."} {
		list, err := e.Records(ctx, service+name, dns.TypeSRV)
		if err != nil && !errors.Is(err, resolver.ErrNotFound) {
			return nil, 0, err
		}
		for _, rr := range list {
			if srv, ok := rr.(*dns.SRV); ok && srv.Target != "." && !slices.Contains(hosts, srv.Target) && len(hosts) < mostAddrs {
				hosts = append(hosts, srv.Target)
				again = min(again, ttl(rr))
			}
		}
	}
	for _, host := range hosts {
		for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
			list, err := e.Records(ctx, host, kind)
			if err != nil && !errors.Is(err, resolver.ErrNotFound) {
				return nil, 0, err
			}
			for _, rr := range list {
				addr, ok := netip.Addr{}, false
				switch rr := rr.(type) {
				case *dns.A:
					addr, ok = netip.AddrFromSlice(rr.A)
				case *dns.AAAA:
					addr, ok = netip.AddrFromSlice(rr.AAAA)
				}
				if ok && len(addrs) < mostAddrs {
					addrs = append(addrs, addr.Unmap())
					again = min(again, ttl(rr))
				}
			}
		}
	}
	return addrs, again, nil
}

func ttl(rr dns.RR) time.Duration { return time.Duration(rr.Header().Ttl) * time.Second }
