package regevent

// This file answers the SUBSCRIBEs that begin a subscription.

import (
	"context"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/modules/internal/notifier"
)

// Subscribe answers the SUBSCRIBE req, with headers added to the answer whatever its code, and
// takes the request's decision. ok reports whether it was accepted; err says why not: a refusal,
// engine.ErrRequestOver if the request is already over, or an *engine.MisuseError. If the
// registrations have to be waited for, the lane is lent.
func (n *Notifier) Subscribe(req *engine.Request, headers []engine.HeaderEdit) (ok bool, err error) {
	a, err := n.Take(req)
	if err != nil {
		return false, err
	}
	if n.from.Waits() {
		if _, err := engine.Await(req, func(ctx context.Context) (struct{}, error) { a.Look(ctx); return struct{}{}, nil }); err != nil {
			return false, err
		}
	} else {
		a.Look(context.Background())
	}
	return a.Answer(headers)
}

// Ask is a SUBSCRIBE that is being served, for callers that lend the lane by other means than
// engine.Await: Take, then Look, then Answer.
type Ask struct {
	*notifier.Ask
	n   *Notifier
	now time.Time
}

// Take reads req on its lane. An error is a MisuseError, or engine.ErrRequestOver; Answer reports
// what is wrong with the request.
func (n *Notifier) Take(req *engine.Request) (*Ask, error) {
	a, err := n.core.Take(req)
	if err != nil {
		return nil, err
	}
	a.Offer(a.AOR(), "", &feed{from: n.from, view: view{aor: a.AOR()}})
	return &Ask{Ask: a, n: n, now: req.Engine().Clock().Wall()}, nil
}

// Look checks whether the registrations can be read. It may block, and run on any goroutine.
func (a *Ask) Look(ctx context.Context) {
	if a.Refused() {
		return
	}
	if _, err := a.n.from.Contacts(ctx, a.AOR(), a.now); err != nil {
		a.Refuse(notifier.Unavailable("", err))
	}
}
