package kemi

// What t_relay does, and what follows: the functions of the script for branches, responses and
// failures.

import (
	"errors"
	"strings"
	"unsafe"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
)

// badURI is what t_relay returns for a Request-URI that is none; twice for a second relay.
const (
	badURI  = -400
	badNext = -478
	twice   = -1
)

// destinations is how many destinations the request has, 0 for along its Route, negative for what
// t_relay returns. The changes that were noted are carried out: from here on the request goes.
func (k *call) destinations() int {
	s := k.s
	switch {
	case s.relayed || k.f.kind == inBranch || k.f.kind == inBranchFailure:
		return twice
	case k.over():
		k.sh.module.log.Error("KSR: the request was answered before: it is not relayed", "call_id", string(s.req.Message().CallID()))
		return twice
	}
	if s.set {
		if _, ok := withPart(s.ruri, "", ""); !ok {
			return badURI
		}
	}
	if s.duri != "" {
		if _, ok := withPart(s.duri, "", ""); !ok {
			return badNext
		}
	}
	if k.f.kind == inRequest {
		k.carryDialog()
		k.maskAll()
	}
	k.carryOut(s.req, s.edits)
	s.edits = nil
	s.relayed, s.round, s.armed = true, s.tried, s.onFailure
	if s.stranger() { // without a signature the server refuses it
		s.branches = nil
		return 0
	}
	if s.loose == ours && !s.set && s.duri == s.looseURI && len(s.branches) == 0 && k.f.kind == inRequest {
		return 0
	}
	if k.f.kind == inFailure && len(s.branches) > 0 && !s.changed {
		s.skip = 1
		return len(s.branches)
	}
	s.skip = 0
	return 1 + len(s.branches)
}

// target is where destination i goes, from 0.
func (k *call) target(i int) *engine.Target {
	s := k.s
	i += s.skip
	b := branch{uri: s.uri(), duri: s.duri, contact: s.contact}
	if i > 0 {
		b = s.branches[i-1]
	}
	if i == 0 && b.contact > 0 && b.duri == s.foundURI { // the contact knows it
		b.duri = ""
	}
	t := &engine.Target{URI: b.uri}
	if b.contact > 0 && b.contact <= len(s.contacts) {
		known := s.contacts[b.contact-1]
		if b.duri == "" {
			return known
		}
		*t = *known
		t.Value = nil
	}
	t.NextHop = b.duri
	if k.nextRoute() == "" {
		return t
	}
	if b.duri == "" {
		t.NextHop = b.uri
	}
	t.Path = nil
	for e := s.req.Message().Elements(message.HeaderRoute); e.Next(); {
		if _, err := message.ParseAddress(e.Value); err == nil {
			t.Path = append(t.Path, bracketed(string(e.Value)))
		}
	}
	return t
}

// bracketed writes a route as a Route header needs it.
func bracketed(text string) string {
	if strings.Contains(text, "<") {
		return text
	}
	return "<" + text + ">"
}

// relay is t_relay.
func relay(k *call) int {
	if k.f.kind == inReply {
		return k.num(0)
	}
	n := k.destinations()
	if n < 0 {
		return k.num(n)
	}
	if k.method() == "CANCEL" {
		return k.forwardOn(n)
	}
	var targets []*engine.Target
	if n > 0 {
		targets = make([]*engine.Target, n)
	}
	for i := range targets {
		targets[i] = k.target(i)
	}
	s := k.s
	opts := &engine.ForkOptions{}
	opts.Defaults.Timeout, opts.Defaults.ReplyTimeout = s.frInv, s.fr
	cb := &luabind.Callbacks{Branch: k.sh.onBranch}
	if k.sees() {
		cb.Response = k.sh.onResponse
	}
	if s.armed != "" {
		cb.Failure = k.sh.onFailure
	}
	ok, err := k.c.Relay(targets, opts, cb)
	return k.is(ok && err == nil)
}

// sees reports whether a function of the script may see responses, or what a branch came to. One
// for branches may arm others.
func (k *call) sees() bool {
	return k.s.onReply != "" || k.s.onBranchFailure != "" || k.s.onBranch != "" || k.c.Defined(k.sh.replyRoute) || k.c.Defined(k.sh.onsendRoute)
}

// forwardOn passes the request on without a transaction, to the first of its n destinations.
func (k *call) forwardOn(n int) int {
	var t *engine.Target
	if n > 0 {
		t = k.target(0)
	}
	ok, err := k.c.Forward(t)
	return k.is(ok && err == nil)
}

func forward(k *call) int {
	if k.f.kind == inReply {
		return k.num(-1)
	}
	n := k.destinations()
	if n < 0 {
		return k.num(-1)
	}
	return k.forwardOn(n)
}

func forwardURI(k *call) int {
	uri := k.str(1)
	if _, ok := withPart(uri, "", ""); !ok || k.f.kind == inReply || k.destinations() < 0 {
		return k.num(-1)
	}
	ok, err := k.c.Forward(&engine.Target{NextHop: uri, URI: k.uri()})
	return k.is(ok && err == nil)
}

// errDropped is why a branch is not sent.
var errDropped = errors.New("the script dropped the branch")

// begin begins a frame of a callback.
func (sh *shim) begin(h *luabind.Handler, f *frame) *call {
	kept, at := h.Running()
	s, ok := (*kept).(*session)
	if !ok {
		s = &session{}
		*kept = s
	}
	s.req, *at = h.Request(), f
	return &call{sh: sh, s: s, f: f}
}

// identity tells branches apart that are there.
func identity(b *engine.Branch) uintptr { return uintptr(unsafe.Pointer(b)) }

// indexOf is the number of the branch that a response is from: the last that was there.
func (s *session) indexOf(res *engine.Response) int {
	for i := len(s.sent) - 1; i >= 0; i-- {
		if s.sent[i] == identity(res.Branch()) {
			return i
		}
	}
	return 0
}

// onBranch has the script change a branch before it is sent.
func (sh *shim) onBranch(h *luabind.Handler, b *engine.Branch) error {
	k := sh.begin(h, &frame{kind: inBranch, branch: b})
	s, f := k.s, k.f
	defer k.end()
	f.index = s.tried
	s.tried++
	if len(s.sent) < maxStack {
		s.sent = append(s.sent, identity(b))
	}
	if s.onBranch != "" {
		if err := h.Run(s.onBranch); err != nil {
			return err
		}
	}
	k.apply()
	if f.uri != "" {
		if err := b.SetRURI(f.uri); err != nil {
			sh.module.log.Error("the branch's URI is none", "error", err)
		}
	}
	if f.dropped {
		return errDropped
	}
	return sh.onsend(h, f)
}

// onsend has the script see what is sent.
func (sh *shim) onsend(h *luabind.Handler, f *frame) error {
	f.quiet = true
	return h.Run(sh.onsendRoute)
}

// onResponse has the script see a response, or what a branch came to without one.
func (sh *shim) onResponse(h *luabind.Handler, res *engine.Response) {
	final := res.Final()
	if res.Cause() == "" {
		if err := sh.reply(h, res, final); err != nil {
			return
		}
	}
	kept, _ := h.Running()
	s, _ := (*kept).(*session)
	if final && s != nil && s.onBranchFailure != "" && res.Code() >= 300 && res.Cause() != engine.CauseCancelled {
		k := sh.begin(h, &frame{kind: inBranchFailure, res: res, index: s.indexOf(res)})
		_ = h.Run(s.onBranchFailure)
		k.end()
	}
}

// reply has the script change a response before it goes on.
func (sh *shim) reply(h *luabind.Handler, res *engine.Response, final bool) error {
	k := sh.begin(h, &frame{kind: inReply, res: res})
	f := k.f
	defer k.end()
	f.index = k.s.indexOf(res)
	if err := h.Run(sh.replyRoute); err != nil {
		return err
	}
	if k.s.onReply != "" {
		if err := h.Run(k.s.onReply); err != nil {
			return err
		}
	}
	k.apply()
	// A reliable provisional one must be acknowledged, and a final one ends the transaction
	if f.dropped && !final && res.Message().Header(message.HeaderRSeq) == nil {
		return res.Drop()
	}
	return sh.onsend(h, f)
}

// onFailure calls the function that was armed when the request was relayed. The functions for
// branches and failure must be named again.
func (sh *shim) onFailure(h *luabind.Handler, res *engine.Response) {
	kept, _ := h.Running()
	s, _ := (*kept).(*session)
	if s == nil || s.armed == "" {
		return
	}
	k := sh.begin(h, &frame{kind: inFailure, res: res})
	name := s.armed
	s.armed = ""
	s.relayed = false
	s.branches, s.contact, s.changed = nil, 0, false
	s.onFailure, s.onBranch, s.onBranchFailure = "", "", ""
	_ = h.Run(name)
	k.end()
}

// end forgets what the frame was about.
func (k *call) end() {
	k.f.branch, k.f.res = nil, nil
	k.s.req = nil
}
