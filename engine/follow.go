package engine

// A Follower goes with a request wherever the router sends it: a module that must see, and may
// change, each message of it (a media relay), or must know how it ends. Calls are made on the
// request's lane. Except Ended, they may wait ([Await], [Request.Suspend]): what is sent for the
// request, and its responses, wait for them in their order.
type Follower interface {
	// Sending is called for each branch after the router's OnBranch, just before it is sent. An
	// error fails the branch: 503 and "unreachable", or what a [BranchError] says.
	Sending(r *Request, b *Branch) error
	// Responding is called for each response except 100, after the router's OnResponse, before it
	// is forwarded; not for one that was dropped. res.Refuse keeps it from going on. A branch
	// without a response has one made here, with a Cause: its body goes nowhere. Another way to the
	// same user agent is a branch of its own.
	Responding(r *Request, res *Response)
	// Ended is called once, when nothing of the request is left to be sent: r.Answered is the final
	// code, 0 for none. A 2xx that crosses a CANCEL may come later yet: Responding sees it.
	Ended(r *Request)
}

// Follow has f go with the request from now on. A request that is followed is not forwarded
// statelessly: Forward relays it. An ACK has no branches and no responses; for it, f is not called.
func (r *Request) Follow(f Follower) {
	w := r.waiting()
	w.followers = append(w.followers, f)
}

func (r *Request) followers() []Follower {
	if r.waits == nil {
		return nil
	}
	return r.waits.followers
}

// followed makes the followers part of a fork.
func (r *Request) followed(o *ForkOptions) *ForkOptions {
	if len(r.followers()) == 0 {
		return o
	}
	own := ForkOptions{}
	if o != nil {
		own = *o
	}
	onBranch, onResponse := own.OnBranch, own.OnResponse
	own.OnBranch = func(b *Branch) error {
		if onBranch != nil {
			if err := onBranch(b); err != nil {
				return err
			}
		}
		for _, f := range r.followers() {
			if err := f.Sending(r, b); err != nil {
				return err
			}
		}
		return nil
	}
	own.OnResponse = func(res *Response) {
		if onResponse != nil {
			onResponse(res)
		}
		for _, f := range r.followers() {
			if res.Dropped() || res.Refused() {
				return
			}
			f.Responding(r, res)
		}
	}
	return &own
}

// Carry has the dialog that the request begins carry a value to its later requests, from both
// sides: encrypted and signed, in our Record-Route. name is the carrier's own, a few bytes; an
// empty value takes it away. All values together have at most 256 bytes. It is an error for a
// request within a dialog, or before RecordRoute. [Branch.Carry] is the same for one branch.
func (r *Request) Carry(name, value string) error {
	if err := r.ctx.Carry(name, value); err != nil {
		return misuse("carry: %v", err)
	}
	return nil
}

// CarryOpen is [Request.Carry] for a value that both parties may read, such as a random number: it
// is signed, and need not be encrypted.
func (r *Request) CarryOpen(name, value string) error {
	if err := r.ctx.CarryOpen(name, value); err != nil {
		return misuse("carry: %v", err)
	}
	return nil
}

// Carried is what [Request.Carry] said when the request's dialog began; "" for nothing.
func (r *Request) Carried(name string) string { return r.ctx.Carried(name) }

// ByCaller reports whether a request within a dialog that carries something comes from the party
// that began the dialog.
func (r *Request) ByCaller() bool { return r.ctx.ByCaller() }

// FollowerOf finds the Follower of a type that goes with a request, so that a module asked for the
// same again changes what it does, and does not do it twice.
func FollowerOf[T Follower](r *Request) (f T, ok bool) {
	for _, one := range r.followers() {
		if f, ok = one.(T); ok {
			return f, true
		}
	}
	return f, false
}
