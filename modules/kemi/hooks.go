package kemi

// What ksr.lua is made with, beside KSR.

import (
	"errors"
	"slices"
	"strings"
	"time"
	"weak"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/kemi/cfg"
	"github.com/sipscript/sipscript/modules/kemi/pv"
)

// hooks are those functions. ksr.lua calls them with the arguments they take.
func (sh *shim) hooks(config *cfg.Config) []luabind.Function {
	do := func(name string, f func(k *call) int) luabind.Function {
		row := &Row{Name: name}
		return luabind.Function{Name: name, Call: func(c *luabind.Call) int {
			k := call{c: c, sh: sh, row: row}
			defer k.release()
			k.s, k.f = sh.running(c)
			return f(&k)
		}}
	}
	return slices.Concat(sh.configured(do), sh.suspending(do), []luabind.Function{
		do("has", func(k *call) int { return k.bool(loaded(config, k.c.String(1))) }),
		do("param", func(k *call) int {
			if config == nil {
				return k.c.PushNil()
			}
			return k.c.PushText(config.Param(k.c.String(1), k.c.String(2), ""))
		}),
		do("ready", sh.ready),
		do("int", func(k *call) int { return k.num(k.int(1)) }),
		do("request", func(k *call) int { return k.c.PushRunning() }),
		do("begin", func(k *call) int { k.s = sh.enter(k.c, &frame{kind: inRequest}); return 0 }),
		do("branch", func(k *call) int { return sh.beginBranch(k) }),
		do("reply", func(k *call) int { return sh.beginReply(k) }),
		do("failure", func(k *call) int { return sh.beginFailure(k) }),
		do("finish", func(k *call) int { return k.finish(k.c.Bool(1)) }),
		do("leave", func(k *call) int { k.f.leave(); return 0 }),
		do("quiet", func(k *call) int { k.f.quiet = true; return 0 }),
		do("callback", func(k *call) int { return k.c.PushText(k.s.onReply) }),
		do("over", func(k *call) int {
			return k.bool(k.over())
		}),
		do("users", func(k *call) int { return k.c.PushText(sh.module.users()) }),
		do("replied", func(k *call) int { k.s.replied = true; return 0 }),
		do("answers", func(k *call) int { return k.pushAnswers() }),
		do("plan", plan),
		do("times", (*call).pushTimes),
		do("destination", destination),
		do("found", found),
		do("uri", func(k *call) int { return k.c.PushText(k.uri()) }),
		do("user", func(k *call) int { k.s.user, k.s.realm = k.c.String(1), k.c.String(2); return 0 }),
		do("claimed", claimed),
		do("failed", func(k *call) int { k.c.Report(k.c.String(1), k.c.String(2)); return 0 }),
		do("branch_failed", branchFailed),
		do("refuse", func(k *call) int { k.c.RefuseBranch(1, errDropped); return 0 }),
		do("error", func(k *call) int {
			k.sh.module.log.Error(k.c.String(1), "call_id", string(k.message().CallID()))
			return 0
		}),
		do("event", sh.beginEvent),
		do("http_answer", httpAnswer),
		do("dialog_values", func(k *call) int {
			if len(k.s.dialog) == 0 {
				return k.c.PushNil()
			}
			out := map[string]any{}
			for name, value := range k.s.dialog {
				out[name] = value
			}
			return k.c.Push(out)
		}),
		do("callback_of", func(k *call) int { return k.c.PushText(sh.module.callbackOf(k.c.String(1), k.c.String(2))) }),
	})
}

// ready is ready(name, takes, given) -> whether a function of ksr.lua may run, and what it returns
// otherwise.
func (sh *shim) ready(k *call) int {
	name, takes, given := k.c.String(1), k.c.Int(2), k.c.Int(3)
	if k.s == nil {
		k.c.PushBool(false)
		return 1 + sh.refuse(k.c, name, "there is no message outside of handlers")
	}
	if k.f.kind == inEvent && !inEvents(name) {
		k.c.PushBool(false)
		return 1 + sh.refused(k.c, sh.rows[name])
	}
	if given < takes || takes == 0 && given > 0 || given > maxArguments {
		k.c.PushBool(false)
		return 1 + sh.refuse(k.c, name, "it was given "+decimal(given)+" arguments and takes "+decimal(takes))
	}
	return k.bool(true)
}

// finish is finish(watched) -> whether the script dropped the branch or the response. What it
// changed is carried out; unless a function of the script sees what is sent, the frame is left.
func (k *call) finish(watched bool) int {
	k.apply()
	if k.f.kind == inBranch && k.f.uri != "" {
		if err := k.f.branch.SetRURI(k.f.uri); err != nil {
			k.sh.module.log.Error("the branch's URI is none", "error", err)
		}
	}
	if !watched {
		k.f.leave()
	}
	return k.bool(k.f.dropped)
}

// leave forgets what the frame was about.
func (f *frame) leave() { f.branch, f.res = nil, nil }

// beginBranch is branch(branch) -> the request, and the name of the function for it, or nil.
func (sh *shim) beginBranch(k *call) int {
	b := k.c.Branch(1)
	s := sh.enter(k.c, &frame{kind: inBranch, branch: b})
	k.s, k.f = sh.running(k.c)
	k.f.index = s.tried
	s.tried++
	if len(s.sent) < maxStack {
		s.sent = append(s.sent, weak.Make(b))
	}
	return k.c.PushRunning() + k.c.PushText(s.onBranch)
}

// beginReply is reply(response) -> the request, and whether the response is final.
func (sh *shim) beginReply(k *call) int {
	res := k.c.Response(1)
	f := &frame{kind: inReply, res: res}
	s := sh.enter(k.c, f)
	k.s = s
	f.index = s.indexOf(res)
	return k.c.PushRunning() + k.bool(res.Final())
}

// beginFailure is failure(response) -> the name of the function that was armed when the request was
// relayed, or nil: then no function runs. The functions for branches and failure must be named
// again.
func (sh *shim) beginFailure(k *call) int {
	_, kept, _ := k.c.Running()
	s, _ := (*kept).(*session)
	if s == nil || s.armed == "" {
		return k.c.PushNil()
	}
	k.s = sh.enter(k.c, &frame{kind: inFailure, res: k.c.Response(1)})
	name := s.armed
	s.armed = ""
	s.relayed = false
	s.branches, s.contact, s.changed = nil, 0, false
	s.onFailure, s.onBranch, s.onBranchFailure = "", "", ""
	return k.c.PushText(name)
}

// branchFailed is branch_failed(response) -> the name of the function for a branch that failed, or
// nil.
func branchFailed(k *call) int {
	res := k.c.Response(1)
	_, kept, _ := k.c.Running()
	s, _ := (*kept).(*session)
	if s == nil || s.onBranchFailure == "" || res.Code() < 300 || res.Cause() == engine.CauseCancelled {
		return k.c.PushNil()
	}
	f := &frame{kind: inBranchFailure, res: res, index: s.indexOf(res)}
	k.s = s
	k.sh.enter(k.c, f)
	return k.c.PushText(s.onBranchFailure)
}

// indexOf is the number of the branch that a response is from.
func (s *session) indexOf(res *engine.Response) int {
	for i, b := range s.sent {
		if b == weak.Make(res.Branch()) {
			return i
		}
	}
	return 0
}

// pushAnswers pushes the headers for an answer of this server, or nil.
func (k *call) pushAnswers() int {
	if len(k.s.answers) == 0 {
		return k.c.PushNil()
	}
	out := map[string]any{}
	for _, h := range k.s.answers {
		list, _ := out[h.Name].([]any)
		out[h.Name] = append(list, h.Values[0])
	}
	return k.c.Push(out)
}

// badURI is what t_relay returns for a Request-URI that is none; twice for a second relay.
const (
	badURI  = -400
	badNext = -478
	twice   = -1
)

// errDropped is why a branch is not sent.
var errDropped = errors.New("the script dropped the branch")

// over reports whether the request was answered or relayed: nothing more is sent.
func (k *call) over() bool {
	return k.s.relayed || k.s.replied || k.f.kind != inFailure && k.s.req.Decided() || k.s.req.Over()
}

// plan is plan() -> how many destinations the request has, 0 for along its Route, negative for what
// t_relay returns, nil in a reply; the seconds to a final and to any response, nil for the server's
// own.
func plan(k *call) int {
	if k.f.kind == inReply {
		return k.c.PushNil()
	}
	return k.num(k.destinations()) + k.pushTimes()
}

// pushTimes pushes the seconds to a final and to any response, nil for the server's own.
func (k *call) pushTimes() int {
	for _, d := range []time.Duration{k.s.frInv, k.s.fr} {
		if d == 0 {
			k.c.PushNil()
		} else {
			k.c.PushSeconds(d)
		}
	}
	return 2
}

// destinations is the first result of plan. The changes that were noted are carried out: from here
// on the request goes.
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

// destination is destination(i) -> the place among the contacts of the lookup or nil, URI, next
// hop or nil, whether the Route goes with it.
func destination(k *call) int {
	i := k.c.Int(1) - 1 + k.s.skip
	b := branch{uri: k.s.uri(), duri: k.s.duri, contact: k.s.contact}
	if i > 0 {
		b = k.s.branches[i-1]
	}
	if b.contact > 0 {
		k.num(b.contact)
	} else {
		k.c.PushNil()
	}
	k.c.PushString(b.uri)
	if i == 0 && b.contact > 0 && b.duri == k.s.foundURI { // the contact knows it
		b.duri = ""
	}
	k.c.PushText(b.duri)
	k.c.PushBool(!k.s.noRoutes && k.nextRoute() != "")
	return 4
}

// found is found({uri…}, received): what a lookup found, the best first.
func found(k *call) int {
	uris := k.c.Strings(1)
	s := k.s
	s.branches, s.ownRURI, s.ownDURI = s.branches[:0], true, true
	for i, uri := range uris {
		if i == 0 {
			s.ruri, s.set, s.contact, s.duri = uri, true, 1, received(k.c.String(2))
			s.foundURI = s.duri
			if s.duri != "" {
				s.bflags |= k.sh.nat
			}
		} else if len(s.branches) < maxStack {
			s.branches = append(s.branches, branch{uri: uri, contact: i + 1, own: true})
		}
	}
	return 0
}

// received is "udp:192.0.2.7:1024" as $du has it.
func received(text string) string {
	transport, at, ok := strings.Cut(text, ":")
	if !ok {
		return ""
	}
	if transport == "udp" {
		return "sip:" + at
	}
	return "sip:" + at + ";transport=" + transport
}

// natFlag is the branch flag of a contact behind a NAT, as usrloc is configured.
func (sh *shim) natFlag() uint32 {
	c := sh.module.config
	if c == nil {
		return 0
	}
	n := asInt(pv.Str(c.Param("usrloc", "nat_bflag", "99")))
	if n < 0 || n > 31 {
		return 0
	}
	return 1 << n
}

// carryDialog has the Record-Route carry the values of $dlg_var.
func (k *call) carryDialog() {
	if len(k.s.dialog) == 0 || k.s.req.InDialog() || !k.s.rr {
		return
	}
	if err := k.s.req.Carry(carrier, encodePairs(k.s.dialog)); err != nil {
		k.sh.module.log.Error("the values of $dlg_var cannot be kept for the dialog", "error", err)
	}
}

// claimed is claimed(realm): the user whom the credentials for a realm name is $au, whoever sent
// them.
func claimed(k *call) int {
	realm := k.c.String(1)
	for _, id := range []message.HeaderID{message.HeaderAuthorization, message.HeaderProxyAuthorization} {
		m := k.s.req.Message()
		for i := m.Find(id, 0); i >= 0; i = m.Find(id, i+1) {
			a, err := message.ParseAuth(m.Value(i))
			if err != nil {
				continue
			}
			name, named := a.Params.Get("username")
			if in, _ := a.Params.Get("realm"); named && string(in) == realm {
				k.s.user, k.s.realm = string(name), realm
				return 0
			}
		}
	}
	return 0
}

var _ luabind.Editable = (*engine.Request)(nil)
