package kemi

// KSR.tm and KSR.tmx as far as nothing is sent: what is sent is in ksr.lua.

import (
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
)

func tmRows() []Row {
	rows := []Row{
		{Name: "tm.t_newtran", Result: "int", Does: "nothing: every request is a transaction", call: func(k *call) int {
			if k.s.newtran {
				return k.num(-10)
			}
			k.s.newtran = true
			return k.num(1)
		}},
		{Name: "tm.t_check_trans", Result: "int", Does: "-1: a request that comes here is new; in a reply 1", Differs: "retransmissions, the CANCEL of a known INVITE and the ACK of a failure are dealt with before, unseen", call: func(k *call) int {
			switch {
			case k.f.kind == inReply:
				return k.num(1)
			case k.s.newtran || k.s.relayed:
				return k.num(0)
			}
			return k.num(-1)
		}},
		{Name: "tmx.t_precheck_trans", Result: "int", Does: "-1: a request that comes here has no twin; -2 for an ACK", call: func(k *call) int {
			if k.method() == "ACK" {
				return k.num(-2)
			}
			return k.num(-1)
		}},
		{Name: "tm.t_lookup_request", Result: "int", Does: "as t_check_trans", call: minusOne},
		{Name: "tm.t_on_failure", Params: "s", Result: "int", Does: "names the function called when all branches failed", call: func(k *call) int { k.s.onFailure = k.str(1); return k.num(1) }},
		{Name: "tm.t_on_branch", Params: "s", Result: "int", Does: "names the function called for each branch", call: func(k *call) int { k.s.onBranch = k.str(1); return k.num(1) }},
		{Name: "tm.t_on_reply", Params: "s", Result: "int", Does: "names the function called for each reply", call: func(k *call) int { k.s.onReply = k.str(1); return k.num(1) }},
		{Name: "tm.t_on_branch_failure", Params: "s", Result: "int", Does: "names the function called for each branch that failed",
			Differs: "it may not relay: that is what t_on_failure is for, and -1 is returned", call: func(k *call) int { k.s.onBranchFailure = k.str(1); return k.num(1) }},
		{Name: "tm.t_is_set", Params: "s", Result: "int", Does: "whether a function was named", call: func(k *call) int {
			switch k.str(1) {
			case "failure_route":
				return k.is(k.s.onFailure != "")
			case "branch_route":
				return k.is(k.s.onBranch != "")
			case "onreply_route":
				return k.is(k.s.onReply != "")
			case "branch_failure_route":
				return k.is(k.s.onBranchFailure != "" && k.f.kind == inRequest)
			}
			return k.num(-1)
		}},
		{Name: "tm.t_is_canceled", Result: "int", Does: "whether the caller cancelled", call: func(k *call) int { return k.is(k.s.req.Cancelled()) }},
		{Name: "tm.t_check_status", Params: "s", Result: "int", Does: "compares the code with a regular expression", call: func(k *call) int {
			if k.f.res == nil {
				return k.num(-1)
			}
			re, err := k.sh.expression(k.str(1))
			return k.is(err == nil && re.MatchString(decimal(k.f.res.Code())))
		}},
		{Name: "tm.t_get_status_code", Result: "int", Does: "the best code", call: func(k *call) int {
			if k.f.res == nil {
				return k.num(-1)
			}
			return k.num(k.f.res.Code())
		}},
		{Name: "tm.t_any_timeout", Result: "int", Does: "whether the best outcome is a timeout", call: func(k *call) int { return k.is(k.cause() == engine.CauseTimeout) }},
		{Name: "tm.t_branch_timeout", Result: "int", Does: "as t_any_timeout", call: func(k *call) int { return k.is(k.cause() == engine.CauseTimeout) }},
		{Name: "tm.t_any_replied", Result: "int", Does: "whether a provisional came before", call: func(k *call) int { return k.is(k.f.res != nil && k.f.res.Early()) }},
		{Name: "tm.t_branch_replied", Result: "int", Does: "as t_any_replied", call: func(k *call) int { return k.is(k.f.res != nil && k.f.res.Early()) }},
		{Name: "tm.t_set_fr", Params: "ii", Result: "int", Does: "sets the times to a final and to any reply, in milliseconds", call: func(k *call) int { k.s.frInv, k.s.fr = ms(k.int(1)), ms(k.int(2)); return k.num(1) }},
		{Name: "tm.t_set_fr_inv", Params: "i", Result: "int", Does: "sets the time to a final reply, in milliseconds", call: func(k *call) int { k.s.frInv = ms(k.int(1)); return k.num(1) }},
		{Name: "tm.t_reset_fr", Result: "int", Does: "undoes t_set_fr", call: func(k *call) int { k.s.frInv, k.s.fr = 0, 0; return k.num(1) }},
		{Name: "tm.t_set_auto_inv_100", Params: "i", Result: "int", Does: "nothing: 100 goes out by itself after 200 ms", call: one},
		{Name: "tm.t_set_disable_internal_reply", Params: "i", Result: "int", Does: "nothing: a caller always gets an answer", Differs: "a request is never left without an answer", call: one},
		{Name: "tm.t_release", Result: "int", Does: "nothing: transactions end by themselves", call: one},
		{Name: "corex.append_branch", Result: "int", Does: "adds the present Request-URI as a branch", call: func(k *call) int {
			if len(k.s.branches) >= maxStack {
				return k.num(-1)
			}
			k.s.branches = append(k.s.branches, branch{uri: k.uri(), duri: k.s.duri, own: k.s.own()})
			return k.num(1)
		}},
		{Name: "corex.append_branch_uri", Params: "s", Result: "int", Does: "adds a URI as a branch", call: func(k *call) int {
			if len(k.s.branches) >= maxStack {
				return k.num(-1)
			}
			k.s.branches = append(k.s.branches, branch{uri: k.str(1), own: true})
			return k.num(1)
		}},
	}
	for i, name := range []string{"request", "branch", "reply", "failure"} {
		at := kind(i)
		rows = append(rows, Row{Name: "tmx.t_is_" + name + "_route", Result: "int", Does: "whether the function runs as that route", call: func(k *call) int { return k.is(k.f.kind == at) }})
	}
	return rows
}

func minusOne(k *call) int { return k.num(-1) }

func ms(n int) time.Duration { return time.Duration(max(n, 0)) * time.Millisecond }

func (k *call) cause() string {
	if k.f.res == nil {
		return ""
	}
	return k.f.res.Cause()
}

// routeRows are KSR.rr.
func routeRows() []Row {
	return []Row{
		{Name: "rr.record_route", Result: "int", Does: "stays in the path of the dialog", Differs: "the entry is signed; nothing is written in requests that begin no dialog", call: func(k *call) int {
			if k.s.rr {
				return k.num(-1)
			}
			k.s.rr = true
			return k.recordRoute()
		}},
		{Name: "rr.add_rr_param", Params: "s", Result: "int", Does: "adds parameters to our Record-Route", call: func(k *call) int {
			k.s.rrParam += k.str(1)
			if k.s.rr {
				return k.recordRoute()
			}
			return k.num(1)
		}},
		{Name: "rr.loose_route", Result: "int", Does: "follows the Route", Differs: "an entry of ours counts only with its signature: without it, and along another's Route, a request within a dialog is answered 481 unless the script sets $du or the host of $ru", call: looseRoute},
		{Name: "rr.check_route_param", Params: "s", Result: "int", Does: "searches the parameters of our Route for a regular expression", call: func(k *call) int {
			p, ok := k.s.req.RouteParams()
			re, err := k.sh.expression(k.str(1))
			return k.is(ok && err == nil && k.s.loose != notAsked && re.MatchString(string(p)))
		}},
		{Name: "rr.is_direction", Params: "s", Result: "int", Does: "whether the request comes from the caller (downstream) or the callee (upstream)", call: func(k *call) int {
			if c := k.sh.module.config; c != nil && c.Param("rr", "append_fromtag", "1") == "0" {
				return k.num(-6)
			}
			switch strings.ToLower(k.str(1)) {
			case "downstream":
				return k.is(!k.s.req.InDialog() || k.s.req.ByCaller())
			case "upstream":
				return k.is(k.s.req.InDialog() && !k.s.req.ByCaller())
			}
			return k.num(-6)
		}},
	}
}

// recordRoute writes our Record-Route with the parameters so far.
func (k *call) recordRoute() int {
	var list []engine.RouteParam
	for part := range strings.SplitSeq(k.s.rrParam, ";") {
		if name, value, _ := strings.Cut(part, "="); name != "" {
			list = append(list, engine.RouteParam{Name: name, Value: value})
		}
	}
	if err := k.s.req.RecordRoute(list...); err != nil {
		k.log(err.Error())
		return k.num(-1)
	}
	return k.num(1)
}

func looseRoute(k *call) int {
	if k.f.kind == inReply {
		return k.num(-1)
	}
	req := k.s.req
	_, signed := req.RouteParams()
	mine := signed || req.RouteUser() != nil
	if mine && !req.InDialog() {
		return k.num(-3)
	}
	next := k.nextRoute()
	if next != "" && k.s.duri == "" {
		k.s.duri, k.s.ownDURI = next, false
	}
	switch {
	case signed:
		k.s.loose, k.s.looseURI = ours, k.s.duri
	case mine:
		k.s.loose = unsigned
	case next != "":
		k.s.loose = elsewhere
	default:
		k.s.loose = nowhere
		return k.num(-1)
	}
	return k.num(1)
}
