package proxy

// Flow failover (RFC 5626 §7): a user agent instance that can be reached in several ways is one
// target, tried by one way after the other. Only a way that failed is replaced: anything else is
// the answer of the instance, which is not asked twice.

// flowFailed reports whether r says that the way to the target failed: 430 (Flow Failed), 408, a
// connection that does not exist, or silence. A way that responded and then took too long has not
// failed.
func (b *Branch) flowFailed(r *Response) bool {
	code := r.Code()
	switch r.cause {
	case CauseUnreachable:
		return code != 440 // Max-Breadth is used up: it is not the way's fault
	case CauseTimeout:
		return !b.heard
	case "":
		return code == 430 || code == 408
	}
	return false
}

// better is the better of two failures; a may be nil.
func better(a, b *Response) *Response {
	if a != nil && rank(a) <= rank(b) {
		return a
	}
	return b
}

// mayFailover reports whether there is another way, and somebody waiting for it.
func (b *Branch) mayFailover() bool {
	f, x := b.fork, b.fork.x
	return len(b.rare().others) > 0 && (!b.cancelled || b.expired) && !f.closed && !x.over && !x.cancelled
}

// failover starts a branch in place of b, which has failed with r, by the next way to the same
// instance; it returns false if there is none, or nobody waits for it any more.
func (b *Branch) failover(r *Response) bool {
	f := b.fork
	if !b.mayFailover() {
		return false
	}
	next := &Branch{fork: f, target: b.rare().others[0], extra: &branchExtras{others: b.rare().others[1:], failed: r}, breadth: b.breadth}
	f.branches = append(f.branches, next)
	next.prepare()
	return true
}
