package stir

// The certificates of other signers: fetched from where their tokens say, which may be anywhere,
// and kept for a while.

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/stir/passport"
)

// Bounds of fetching and keeping.
const (
	mostCerts   = 2000 // kept
	mostFetches = 64   // at a time
	mostPerHost = 4    // at a time, of one host: nobody is flooded through us
	mostURL     = 512  // bytes
	mostAnswer  = 64 << 10
	fetchTime   = 3 * time.Second

	leastKept = time.Minute    // whatever the server says
	usualKept = time.Hour      // if it says nothing
	mostKept  = 24 * time.Hour // whatever it says
	// sorryKept is for how long a certificate that can't be had is not asked for again.
	sorryKept = 10 * time.Second
	// lateKept is for how much longer one is used whose server is away.
	lateKept = 24 * time.Hour
)

// certs is the cache. Its readers take no lock.
type certs struct {
	http  *clients.HTTP
	now   func() time.Time // of the process
	count *figures
	stop  context.CancelFunc
	ctx   context.Context
	ended sync.WaitGroup

	kept atomic.Pointer[map[string]*entry] // replaced as a whole, with mu held

	mu      sync.Mutex
	closed  bool                     // guarded by mu
	flights map[string]chan struct{} // by URL; closed when it has ended; guarded by mu
	hosts   map[string]int           // flights of each host; guarded by mu
}

// entry is what is known of a URL.
type entry struct {
	cert    *passport.Certificate // nil: it can't be had
	err     error
	until   time.Time // then it is asked for again
	expired time.Time // when its time was over; until is later if its server was away then
	checked atomic.Pointer[chained]
	used    atomic.Int64 // when, as Unix seconds
}

// chained is the certificate as it was verified with some roots.
type chained struct {
	roots *x509.CertPool
	cert  *passport.Certificate
	err   error
	at    time.Time
}

func newCerts(pool *clients.Pool, now func() time.Time, count *figures) *certs {
	c := &certs{now: now, count: count, flights: map[string]chan struct{}{}, hosts: map[string]int{}}
	c.http = pool.HTTP(clients.HTTPOptions{Timeout: fetchTime, MaxBody: mostAnswer, Redirects: -1, Conns: mostPerHost, HTTPS: true, Public: true})
	c.ctx, c.stop = context.WithCancel(context.Background())
	c.kept.Store(&map[string]*entry{})
	return c
}

// Close ends fetches.
func (c *certs) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.stop()
	c.ended.Wait()
	return c.http.Close()
}

// known reports whether get can say something about the URL now.
func (c *certs) known(at string, now time.Time) bool {
	e := (*c.kept.Load())[at]
	return e != nil && now.Before(e.until)
}

var errAway = &passport.Error{Code: passport.BadInfo, Err: errors.New("the certificate can't be had: too many are being fetched")}

// get is the certificate at a URL, which was fetched, verified with the roots.
func (c *certs) get(at string, hosts []string, roots *x509.CertPool, now time.Time) (*passport.Certificate, error) {
	if _, err := where(at, hosts); err != nil {
		return nil, &passport.Error{Code: passport.BadInfo, Err: err}
	}
	e := (*c.kept.Load())[at]
	switch {
	case e == nil:
		return nil, errAway
	case e.cert == nil:
		return nil, e.err
	}
	e.used.Store(now.Unix())
	k := e.checked.Load()
	// One that was not valid may have become so.
	if k == nil || k.roots != roots || k.err != nil && now.Sub(k.at).Abs() > time.Minute {
		own := *e.cert
		k = &chained{roots: roots, cert: &own, at: now}
		k.err = own.Chain(roots, now)
		e.checked.Store(k)
	}
	return k.cert, k.err
}

// fetch has the certificate at a URL fetched, once for all who want it, and waits for it until ctx
// ends.
func (c *certs) fetch(ctx context.Context, at string, hosts []string) {
	u, err := where(at, hosts)
	if err != nil {
		return
	}
	c.mu.Lock()
	done := c.flights[at]
	if done == nil {
		if c.known(at, c.now()) { // it has just ended
			c.mu.Unlock()
			return
		}
		if c.closed || len(c.flights) >= mostFetches || c.hosts[u.Host] >= mostPerHost {
			c.mu.Unlock()
			return
		}
		done = make(chan struct{})
		c.flights[at] = done
		c.hosts[u.Host]++
		c.ended.Go(func() { // ends with the fetch, which has a deadline
			c.keep(at, c.load(u))
			c.mu.Lock()
			delete(c.flights, at)
			if c.hosts[u.Host]--; c.hosts[u.Host] == 0 {
				delete(c.hosts, u.Host)
			}
			c.mu.Unlock()
			close(done)
		})
	}
	c.mu.Unlock()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// load fetches.
func (c *certs) load(u *url.URL) *entry {
	cert, kept, err := c.ask(u)
	now := c.now()
	if err != nil {
		c.count.failed.Add(1)
		var known *passport.Error
		if !errors.As(err, &known) {
			err = &passport.Error{Code: passport.BadInfo, Err: fmt.Errorf("the certificate can't be had: %w", err)}
		}
		return &entry{err: err, until: now.Add(sorryKept)}
	}
	c.count.fetched.Add(1)
	return &entry{cert: cert, until: now.Add(kept), expired: now.Add(kept)}
}

func (c *certs) ask(u *url.URL) (*passport.Certificate, time.Duration, error) {
	ctx, cancel := context.WithTimeout(c.ctx, fetchTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, 0, err
	}
	// RFC 8555 §7.4.2
	r.Header.Set("Accept", "application/pem-certificate-chain, application/pkix-cert, */*;q=0.5")
	a, err := c.http.Do(r)
	if err != nil {
		return nil, 0, err
	}
	if a.Status != http.StatusOK {
		return nil, 0, fmt.Errorf("%s answered %d", u.Host, a.Status)
	}
	cert, err := passport.ReadCertificate(a.Body)
	return cert, lifetime(a.Header), err
}

// lifetime is for how long an answer may be kept (RFC 9111 §5.2.2).
func lifetime(h http.Header) time.Duration {
	kept := usualKept
	for part := range strings.SplitSeq(strings.ToLower(h.Get("Cache-Control")), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "no-store", "no-cache":
			return leastKept
		case "max-age":
			if n, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31); err == nil {
				kept = time.Duration(n) * time.Second
			}
		}
	}
	return min(max(kept, leastKept), mostKept)
}

// keep puts an entry into the cache. If there are too many, the one that was not used for the
// longest time goes, those that can't be had first. A certificate stays for a while if its server
// is away.
func (c *certs) keep(at string, e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	old := *c.kept.Load()
	if was := old[at]; errors.Is(e.err, clients.ErrAway) && was != nil && was.cert != nil && now.Sub(was.expired) < lateKept {
		e = &entry{cert: was.cert, until: e.until, expired: was.expired}
		e.used.Store(was.used.Load())
	}
	e.used.CompareAndSwap(0, now.Unix())
	next := maps.Clone(old)
	if _, ok := next[at]; !ok && len(next) >= mostCerts {
		oldest, last := "", int64(math.MaxInt64)
		for url, o := range next {
			used := o.used.Load()
			if o.cert == nil {
				used = 0
			}
			if used < last {
				oldest, last = url, used
			}
		}
		delete(next, oldest)
	}
	next[at] = e
	c.kept.Store(&next)
}

// where checks a URL of a certificate (ATIS-1000074 §5.3.1): https, a host, no user, query or
// fragment, and the port 443 or 8443, unless hosts names it with another one.
func where(at string, hosts []string) (*url.URL, error) {
	u, err := url.Parse(at)
	switch {
	case len(at) > mostURL:
		return nil, fmt.Errorf("the URL of the certificate has more than %d bytes", mostURL)
	case err != nil || u.Scheme != "https" || u.Hostname() == "":
		return nil, fmt.Errorf("the certificate is not at a https URL: %.80q", at)
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("the URL of the certificate has a user, query or fragment: %.80q", at)
	}
	port := u.Port()
	usual := port == "" || port == "443" || port == "8443"
	if len(hosts) == 0 {
		if !usual {
			return nil, fmt.Errorf("the URL of the certificate has a port other than 443 and 8443: %.80q", at)
		}
		return u, nil
	}
	name := strings.ToLower(u.Hostname())
	for _, h := range hosts {
		h = strings.ToLower(h)
		wanted, p, ported := strings.Cut(h, ":")
		if ported && p != port || !ported && !usual {
			continue
		}
		if suffix, ok := strings.CutPrefix(wanted, "*"); name == wanted || ok && strings.HasSuffix(name, suffix) {
			return u, nil
		}
	}
	return nil, fmt.Errorf("certificates are not fetched from %.80q (hosts)", u.Host)
}
