// Package stir is the module "stir": it signs calls so that others can tell who vouches for the
// caller's number, and verifies those of others (STIR/SHAKEN: RFC 8224, 8225, 8588, 8946).
//
// Package passport has the tokens. Here are the certificates: ours, those of authorities, and those
// of other signers, which are fetched.
package stir

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/stir/passport"
)

// Options of New. All may be zero.
type Options struct {
	Log     *slog.Logger     // default: nobody
	Clients *clients.Pool    // fetches certificates; nil: a pool of its own
	Now     func() time.Time // default: time.Now
}

// Stir is the module. It outlives script generations: the certificates of others stay.
type Stir struct {
	log   *slog.Logger
	certs *certs
	count figures
	// serving is the setup in force, for metrics; nil: none
	serving atomic.Pointer[setup]
}

// figures are counted since the start.
type figures struct {
	signed, diverted, unsigned atomic.Uint64
	verified                   atomic.Uint64
	refused                    [5]atomic.Uint64 // by codes
	fetched, failed            atomic.Uint64
	reread, bad                atomic.Uint64 // files
}

// codes are those a verification can end with, as figures.refused has them.
var codes = [...]int{passport.StaleDate, passport.Missing, passport.BadInfo, passport.BadCredentials, passport.Invalid}

// New makes the module. It has to be closed.
func New(o Options) *Stir {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clients == nil {
		o.Clients = clients.New(clients.Options{Log: o.Log})
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Stir{log: o.Log}
	s.certs = newCerts(o.Clients, o.Now, &s.count)
	return s
}

// Close ends fetches.
func (s *Stir) Close() error { return s.certs.Close() }

// policy is that of the configuration, without certificates.
func (u *setup) policy() passport.Policy {
	return passport.Policy{MaxAge: u.MaxAge, AnyNumber: !u.Authority}
}

// unknown are the certificates that have to be fetched before a request can be verified.
func (u *setup) unknown(r *passport.Request, now time.Time) []string {
	p := u.policy()
	return slices.DeleteFunc(p.URLs(r, now), func(url string) bool { return u.stir.certs.known(url, now) })
}

// fetch fetches certificates, and waits for them until ctx ends.
func (u *setup) fetch(ctx context.Context, urls []string) {
	var all sync.WaitGroup
	for _, url := range urls {
		all.Go(func() { u.stir.certs.fetch(ctx, url, u.Hosts) })
	}
	all.Wait()
}

// verify verifies a request with the certificates that are known. The error is a [passport.Error].
func (u *setup) verify(r *passport.Request, now time.Time) (*passport.Verified, error) {
	p, roots := u.policy(), u.roots.Load()
	p.Certificate = func(url string) (*passport.Certificate, error) { return u.stir.certs.get(url, u.Hosts, roots, now) }
	return p.Verify(r, now)
}
