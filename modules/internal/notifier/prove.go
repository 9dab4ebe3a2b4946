package notifier

// This file keeps NOTIFYs from being aimed at strangers: a SUBSCRIBE costs its sender one packet,
// and the Contact or Record-Route in it may name anybody. A place other than the sender's own
// address must show that it wants NOTIFYs, by answering a small one, before more are sent there.

import (
	"net/netip"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// proveTime is how long a place has for its first answer. Over UDP a NOTIFY is sent three times in
// that period.
const proveTime = 2 * time.Second

// known reports whether NOTIFYs that way can hurt nobody: they go to where req came from, or req's
// sender has proved who it is.
func known(req *engine.Request, w *way) bool {
	if w.flow != 0 || w.received != "" || authenticated(req) {
		return true
	}
	uri, err := message.ParseURI([]byte(w.place))
	if err != nil {
		return false
	}
	host := string(uri.Host)
	// §19.1.1: this is where the request goes.
	if maddr, _ := uri.Params.Get("maddr"); len(maddr) > 0 {
		host = string(maddr)
	}
	if n := len(host); n > 2 && host[0] == '[' {
		host = host[1 : n-1]
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap() == req.Source().Addr.Addr().Unmap().WithZone("")
}

func authenticated(req *engine.Request) bool { return req.User() != "" || len(req.Identity()) > 0 }

// mayProve reports whether an unknown place may be asked on behalf of s: one subscription at a
// time, or many SUBSCRIBEs would send it many requests. The notifier's mu is held.
func (n *Notifier) mayProve(s *Subscription) bool {
	if s.proved {
		return true
	}
	if other := n.proving[s.place]; other != nil && other != s {
		return false
	}
	n.proving[s.place] = s
	return true
}

// proven is the end of that, whatever came of it.
func (n *Notifier) proven(s *Subscription) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proving[s.place] == s {
		delete(n.proving, s.place)
	}
}

// moved notes that a refresh named another way.
func (s *Subscription) moved(req *engine.Request, w way) {
	// A refresh is not a script's, and comes by the tags of the dialog
	if s.authenticated || known(req, &w) {
		s.notifier.proven(s)
		s.proved = true
	} else if w.place != s.place {
		s.notifier.proven(s)
		s.proved = false
	}
	if w.uri == s.uri { // no second copy
		w.uri = s.uri
	}
	s.way = w
}

// prove sends a NOTIFY without a document, which is all that goes to a place before its first
// answer (RFC 6665 §4.2.2 lets a notifier say "pending" and nothing else).
func (s *Subscription) prove() {
	s.notifier.mu.Lock()
	may := s.notifier.mayProve(s)
	s.notifier.mu.Unlock()
	if !may { // another one asks
		if s.ending != "" {
			s.drop()
			return
		}
		s.putOff(s.lane.Now(), retryLater)
		return
	}
	s.send("pending;expires="+s.secondsLeft(), &Document{}, proveTime, s.heardFirst)
}

// heardFirst handles the outcome of that NOTIFY: any answer shows that somebody is listening.
func (s *Subscription) heardFirst(res *engine.Response, err error) {
	s.notifier.proven(s)
	if err == nil && !s.isLeft() {
		s.proved, s.full = true, true
		s.keep(false)
	}
	s.heard(res, err)
}
