package engine

// Forking, and the rules of targets.

import (
	"fmt"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
)

// withFailure makes OnFailure a handler that may decide again.
func (r *Request) withFailure(o *ForkOptions) *ForkOptions {
	if o == nil || o.OnFailure == nil {
		return o
	}
	own := *o
	f := o.OnFailure
	own.OnFailure = func(res *Response) {
		r.decided = false
		defer func() { r.decided = true }()
		f(res)
	}
	return &own
}

// Fork is Relay that waits for the outcome; it always returns a response when err is nil. For a
// request that is over it returns at once the response that ended it. ACK, and a CANCEL of nothing
// we know, have no outcome to wait for: they go nowhere, and the response is a 481.
func (r *Request) Fork(targets []*Target, o *ForkOptions) (*Response, error) {
	if r.decided {
		return nil, misuse("fork: this request has been decided already; return after the first decision")
	}
	targets = r.orHome(targets)
	if err := checkTargets(targets, o); err != nil {
		return nil, err
	}
	if err := r.mayCount(targets, "fork"); err != nil {
		return nil, err
	}
	if r.ctx.Server.Stateless {
		r.unit.e.log.Debug("not forked: it has no transaction", "call_id", string(r.callID()), "method", r.methodText())
		return proxy.NewResponse(481, "", nil), nil
	}
	if r.ctx.Cancelled() && r.ctx.Answered() == 0 {
		return proxy.NewResponse(487, proxy.CauseCancelled, nil), nil
	}
	if code := r.ctx.Answered(); code != 0 {
		return proxy.NewResponse(code, "", nil), nil
	}
	if r.unit.e.ctx.Err() != nil {
		return proxy.NewResponse(503, proxy.CauseShutdown, nil), nil
	}
	if err := r.mayFork("fork"); err != nil {
		return nil, err
	}
	o = r.followed(o)
	switch code := r.unable(targets); code {
	case 0:
	case 480:
		return r.ctx.Empty(o), nil
	default:
		_, _ = r.answer(code, "", nil, nil)
		return proxy.NewResponse(code, "", nil), nil
	}
	if targets == nil {
		return r.ctx.Vouched(o, false).Wait(), nil
	}
	return r.ctx.Fork(targets, o, false).Wait(), nil
}

// mayCount refuses a call to a target that counts its calls if the call's end would not be seen.
func (r *Request) mayCount(targets []*Target, what string) error {
	if r.method != message.MethodInvite || r.inDialog || r.ctx.Recorded() && what != "forward" {
		return nil
	}
	for _, t := range targets {
		if t.Gateway != nil && t.Gateway.Counted {
			return misuse("%s: the calls of %s are counted, and the end of this one would not be seen: relay it after req:record_route()", what, t)
		}
	}
	return nil
}

// checkTargets refuses targets that have no destination or contain what cannot be sent.
func checkTargets(targets []*Target, o *ForkOptions) error {
	for i, t := range targets {
		if t != nil && t.Others != nil {
			if err := checkTargets(t.Others, nil); err != nil {
				return asMisuse(fmt.Errorf("others of target %d: %w", i+1, err))
			}
		}
		if t == nil || t.URI == "" && t.NextHop == "" && t.Flow == 0 && t.Received == "" && len(t.Path) == 0 {
			return misuse("target %d names no destination: give it a uri, next_hop, path or flow", i+1)
		}
		if err := t.Check(); err != nil {
			return asMisuse(fmt.Errorf("target %d: %w", i+1, err))
		}
	}
	if o != nil {
		if err := o.Defaults.Check(); err != nil {
			return asMisuse(err)
		}
	}
	return nil
}
