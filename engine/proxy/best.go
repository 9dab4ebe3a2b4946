package proxy

import "github.com/sipscript/sipscript/engine/message"

// Best response (§16.7 steps 6 and 7).

// rank orders final responses: lower is better. A 6xx wins; then the lowest class; within a class,
// whatever says most about how the request could succeed; and a response from the network before
// one made here.
func rank(r *Response) int {
	code := r.Code()
	class := code / 100
	if class == 6 {
		return 0
	}
	n := class * 100
	switch code {
	case 401, 407:
		n += 1
	case 415, 420, 484:
		n += 2
	case 430:
		// This concerns one way to a phone, and should have been handled on this side of it (RFC
		// 5626 §7).
		n += 90
	case 408, 480, 503:
		n += 60
	case 487:
		n += 70
	default:
		n += 10
	}
	if r.cause != "" {
		n += 20
	}
	return n
}

// consider keeps the better of x.best and r, and r's challenges.
func (x *Context) consider(r *Response) {
	if code := r.Code(); code == 401 || code == 407 {
		x.seldomLate().challenge = append(x.late().challenge, r)
	}
	if x.best == nil || rank(r) < rank(x.best) {
		x.best = r
	}
}

// SendBest answers the request with the best of its responses; the caller made sure that none was
// sent and nothing is in progress.
func (x *Context) SendBest() {
	r := x.best
	if x.cancelled && (r == nil || r.cause != "") {
		r = NewResponse(487, CauseCancelled, nil)
	}
	if r == nil {
		r = NewResponse(480, CauseEmpty, nil)
	}
	code := r.Code()
	// A 408 to a request other than INVITE is never sent; the transaction makes sure of it (RFC
	// 4320 §4.2).
	switch {
	case code == 503:
		// §16.7 step 6: a 503 would take this proxy, and not the server behind it, out of service.
		code = 500
		_ = x.Server.Reply(500, message.ReasonFor(500), nil, nil)
	case code == 430 && r.target != nil && !x.edge:
		// All ways to the phones of a target set have failed, and 430 is not an answer for a caller
		// (RFC 5626 §11.5): nobody is there (§16.5). A proxy that only forwards a request along its
		// Route passes a 430 back: it is for whoever wrote the Route.
		code = 480
		_ = x.Server.Reply(480, message.ReasonFor(480), nil, nil)
	case code == 401 || code == 407:
		x.aggregate(r)
		_ = x.Respond(r)
	default:
		_ = x.Respond(r)
	}
	x.Finished(code)
}

// aggregate adds the challenges of the other branches to r (§16.7 step 7).
func (x *Context) aggregate(r *Response) {
	for _, o := range x.late().challenge {
		if o == r {
			continue
		}
		for _, id := range [...]message.HeaderID{message.HeaderWWWAuthenticate, message.HeaderProxyAuthenticate} {
			for i := o.msg.Find(id, 0); i >= 0; i = o.msg.Find(id, i+1) {
				_ = r.msg.Add(id.String(), string(o.msg.Value(i)))
			}
		}
	}
}
