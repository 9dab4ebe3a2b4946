package regevent

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

// place is where NOTIFYs to t are sent first: a URI.
func place(t *engine.Target) string {
	if len(t.Path) > 0 {
		if a, err := message.ParseAddress([]byte(t.Path[0])); err == nil {
			return string(a.URI)
		}
	}
	return t.URI
}

// known reports whether NOTIFYs to t can hurt nobody: they go to where req came from, or req's
// sender has proved who it is.
func known(req *engine.Request, t *engine.Target) bool {
	if t.Flow != 0 || t.Received != "" || authenticated(req) {
		return true
	}
	uri, err := message.ParseURI([]byte(place(t)))
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
func (n *Notifier) mayProve(s *subscription) bool {
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
func (n *Notifier) proven(s *subscription) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proving[s.place] == s {
		delete(n.proving, s.place)
	}
}

// moved notes that a refresh named another target.
func (s *subscription) moved(req *engine.Request, t *engine.Target) {
	to := place(t)
	// A refresh is not a script's, and comes by the tags of the dialog
	if s.authenticated || known(req, t) {
		s.notifier.proven(s)
		s.proved = true
	} else if to != s.place {
		s.notifier.proven(s)
		s.proved = false
	}
	s.place = to
}

// prove sends a NOTIFY without a document, which is all that goes to a place before its first
// answer (RFC 6665 §4.2.2 lets a notifier say "pending" and nothing else).
func (s *subscription) prove() {
	s.notifier.mu.Lock()
	may := s.notifier.mayProve(s)
	s.notifier.mu.Unlock()
	if !may { // another one asks
		if s.ending != "" {
			s.drop()
			return
		}
		s.putOff(retryLater)
		return
	}
	s.send("pending;expires="+s.secondsLeft(), nil, proveTime, s.answeredFirst)
}

// answeredFirst handles the outcome of that NOTIFY: any answer shows that somebody is listening.
func (s *subscription) answeredFirst(res *engine.Response, err error) {
	s.notifier.proven(s)
	if err == nil {
		s.proved, s.full = true, true
	}
	s.answered(res, err)
}
