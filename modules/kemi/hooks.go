package kemi

// What ksr.lua is made with, beside KSR.

import (
	"slices"
	"strings"
	"time"

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
		// here() -> the branch or the response that a callback is about, or nil
		do("here", func(k *call) int {
			if k.f == nil || k.f.kind != inBranch && k.f.kind != inReply {
				return k.c.PushNil()
			}
			return k.c.PushSubject()
		}),
		do("replying", func(k *call) int { return k.bool(k.f != nil && k.f.kind == inReply) }),
		do("begin", func(k *call) int { k.s = sh.enter(k.c, &frame{kind: inRequest}); return 0 }),
		do("over", func(k *call) int {
			return k.bool(k.over())
		}),
		do("users", func(k *call) int { return k.c.PushText(sh.module.users()) }),
		do("replied", func(k *call) int { k.s.replied = true; return 0 }),
		do("answers", func(k *call) int { return k.pushAnswers() }),
		do("times", (*call).pushTimes),
		do("found", found),
		do("uri", func(k *call) int { return k.c.PushText(k.uri()) }),
		do("user", func(k *call) int { k.s.user, k.s.realm = k.c.String(1), k.c.String(2); return 0 }),
		do("claimed", claimed),
		do("failed", func(k *call) int { k.c.Report(k.c.String(1), k.c.String(2)); return 0 }),
		do("error", func(k *call) int {
			k.sh.module.log.Error(k.c.String(1), "call_id", string(k.message().CallID()))
			return 0
		}),
		do("event", sh.beginEvent),
		do("http_answer", httpAnswer),
		do("dialogs", func(k *call) int { sh.dialogs = k.c.Func(1); return 0 }),
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

// over reports whether the request was answered or relayed: nothing more is sent.
func (k *call) over() bool {
	return k.s.relayed || k.s.replied || k.f.kind != inFailure && k.s.req.Decided() || k.s.req.Over()
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

// found is found(contacts, received): what a lookup found, the best first.
func found(k *call) int {
	list := k.c.Targets(1)
	s := k.s
	s.branches, s.contacts, s.ownRURI, s.ownDURI = s.branches[:0], list, true, true
	for i, t := range list {
		if i == 0 {
			s.ruri, s.set, s.contact, s.duri = t.URI, true, 1, received(k.c.String(2))
			s.foundURI = s.duri
			if s.duri != "" {
				s.bflags |= k.sh.nat
			}
		} else if len(s.branches) < maxStack {
			s.branches = append(s.branches, branch{uri: t.URI, contact: i + 1, own: true})
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
