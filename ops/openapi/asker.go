package openapi

// Who asks, for operations that go on after they were let in.

import "context"

// Asker is who has sent a request.
type Asker struct {
	Name string      // as the log has it: the name of a token, "loopback" or "anybody"
	Acts func() bool // may change something, now: what a token may is read again; nil: no
	// OnReread has f called whenever roles were read again, until the request is over; nil: they
	// never are.
	OnReread func(f func())
}

type askerKey struct{}

// WithAsker is a context that knows who asks.
func WithAsker(ctx context.Context, a Asker) context.Context {
	return context.WithValue(ctx, askerKey{}, a)
}

// AskerOf is who asks; somebody who may change nothing if that is not known.
func AskerOf(ctx context.Context) Asker {
	a, _ := ctx.Value(askerKey{}).(Asker)
	if a.Acts == nil {
		a.Acts = func() bool { return false }
	}
	return a
}
