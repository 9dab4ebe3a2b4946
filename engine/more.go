package engine

// This file holds what few requests have, apart from them: a server has many at a time.

// more is what few requests have.
type more struct {
	home   []*Target // what its HomeURI denotes; nil if nobody said
	accept []byte    // header lines that a 2xx made here carries
	report *report   // nil: nobody wants one, or it was given
}

// noMore is what a request has that has no more. It is never written.
var noMore more

// rare is more of r, to be read only.
func (r *Request) rare() *more {
	if r.more == nil {
		return &noMore
	}
	return r.more
}

// seldom is more of r, to be written to.
func (r *Request) seldom() *more {
	if r.more == nil {
		r.more = new(more)
	}
	return r.more
}
