package auth

// This file ties authentication to the engine: requests as a router has them.

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// Want is what may differ from the policy for one request. The zero value is the policy.
type Want struct {
	Realm string `lua:"realm" doc:"instead of the configured one"` // "" for the policy's
	// Code is 401 or 407; 0 is 401 for a REGISTER, otherwise 407 (RFC 3261 §22.2, §22.3).
	Code int `lua:"code" doc:"401 or 407; default 401 for REGISTER, otherwise 407"`
	// Password and HA1 (RFC 7616 §3.4.2) are the user's, whoever that is, in place of what Users
	// have.
	Password string `lua:"password" doc:"that of the user, whoever it is, in place of what users has"`
	HA1      string `lua:"ha1" doc:"the hash of user:realm:password, in place of it"`
	// AnyIdentity: do not compare user and identity.
	AnyIdentity bool
	// Identity, when not nil, reports whether user may claim uri, instead of MayClaim. Its error is
	// returned as it is.
	Identity func(user string, uri *message.URI) (bool, error)
}

// Require returns the user who sent req. ok is false if the request has been answered, which was
// its decision, or if it is over, or cannot be challenged (ACK, CANCEL). If users must be fetched,
// the lane is lent. err is an *engine.MisuseError, or an error of w.Identity.
func (a *Auth) Require(req *engine.Request, w Want) (user string, ok bool, err error) {
	return a.require(req, &w, lender(req))
}

// Check is Require that answers nothing: it returns the verdict.
func (a *Auth) Check(req *engine.Request, w Want) (Verdict, error) {
	return a.check(req, &w, lender(req))
}

// Challenge answers req 401 or 407. It reports false when the request is over or can't be
// challenged.
func (a *Auth) Challenge(req *engine.Request, w Want, stale bool) (bool, error) {
	if err := w.check(); err != nil {
		return false, err
	}
	if !challengeable(req) {
		return false, nil
	}
	return a.challenge(req, a.realm(req, &w), proxied(req, &w), &Verdict{Stale: stale})
}

// lender waits with the lane lent.
func lender(req *engine.Request) waits {
	return waits{lend: func(f func(context.Context)) {
		_, _ = engine.Await(req, func(ctx context.Context) (struct{}, error) { f(ctx); return struct{}{}, nil })
	}}
}

func (w *Want) check() error {
	if w.Code != 0 && w.Code != 401 && w.Code != 407 {
		return &engine.MisuseError{Text: "code is 401 or 407, not " + strconv.Itoa(w.Code)}
	}
	if err := checkRealm(w.Realm); err != nil {
		return &engine.MisuseError{Text: err.Error()}
	}
	return nil
}

// secret is what the Want itself says that the user knows, nil for nothing.
func (w *Want) secret() (*Secret, error) {
	switch {
	case w.HA1 != "":
		s := &Secret{}
		if err := s.SetHash("", w.HA1); err != nil {
			return nil, &engine.MisuseError{Text: err.Error()}
		}
		return s, nil
	case w.Password != "":
		return NewPassword(w.Password), nil
	}
	return nil, nil
}

// challengeable: an ACK has no answer, and a CANCEL must be answered as it comes (RFC 3261 §22.1).
func challengeable(req *engine.Request) bool {
	return req.Method() != message.MethodAck && req.Method() != message.MethodCancel
}

func proxied(req *engine.Request, w *Want) bool {
	return w.Code == 407 || w.Code == 0 && req.Method() != message.MethodRegister
}

func (a *Auth) require(req *engine.Request, w *Want, by waits) (user string, ok bool, err error) {
	if req.Decided() {
		return "", false, &engine.MisuseError{Text: "this request has been decided already; return after the first decision"}
	}
	v, err := a.check(req, w, by)
	if err != nil || !challengeable(req) || req.Over() {
		return "", false, err
	}
	if v.Reason == "" {
		return v.User, true, nil
	}
	return "", false, a.refuse(req, w, &v)
}

// refuse answers for a verdict.
func (a *Auth) refuse(req *engine.Request, w *Want, v *Verdict) (err error) {
	retry := func(d time.Duration) *engine.ReplyOptions {
		seconds := strconv.Itoa(int((d + time.Second - 1) / time.Second))
		return &engine.ReplyOptions{Headers: []engine.HeaderEdit{{Name: "Retry-After", Values: []string{seconds}}}}
	}
	switch v.Reason {
	case Malformed:
		_, err = req.Reply(400, "Bad Credentials", nil)
	case Identity:
		_, err = req.Reply(403, "", nil)
	case Banned:
		_, err = req.Reply(403, "", retry(v.Left))
	case Unavailable:
		req.Engine().Log().Error("users cannot be looked up", "error", v.Err)
		_, err = req.Reply(503, "", retry(10*time.Second))
	default:
		_, err = a.challenge(req, a.realm(req, w), proxied(req, w), v)
	}
	return err
}

func (a *Auth) challenge(req *engine.Request, realm string, proxy bool, v *Verdict) (bool, error) {
	code, name := 401, "WWW-Authenticate"
	if proxy {
		code, name = 407, "Proxy-Authenticate"
	}
	e := req.Engine()
	c := Challenge{Realm: realm, Source: req.Source().Addr.Addr(), Stale: v.Stale, Now: e.Clock().Wall(), engine: e}
	c.Plain = a.policy.auto && a.plain(req, v, c.Now)
	values := a.Challenges(c)
	return req.Reply(code, "", &engine.ReplyOptions{Headers: []engine.HeaderEdit{{Name: name, Values: values}}})
}

// client identifies whoever is asked, for remembering what it can answer: the user it claims to be,
// at its source.
func (a *Auth) client(req *engine.Request) suspect {
	uri, _ := claimed(req.Message())
	return a.guesses.whom(req.Source().Addr.Addr(), uri.User, true)[0]
}

// plain reports whether MD5 alone is offered.
func (a *Auth) plain(req *engine.Request, v *Verdict, now time.Time) bool {
	m := req.Message()
	bare := m.Find(message.HeaderAuthorization, 0) < 0 && m.Find(message.HeaderProxyAuthorization, 0) < 0
	if !bare && !v.cant {
		return false
	}
	plain, fresh := a.choices.offer(a.client(req), m.CallID(), v.cant, now)
	if fresh {
		uri, _ := claimed(m)
		req.Engine().Log().Info("a client did not answer a challenge that offers SHA-256 and MD5; it is offered MD5 alone",
			"source", req.Source().Addr.String(), "user", string(uri.User), "user_agent", string(m.Header(message.HeaderUserAgent)), "days", int(plainLife.Hours()/24))
	}
	return plain
}

// check verifies, then compares the identity, and removes our credentials from what is forwarded.
func (a *Auth) check(req *engine.Request, w *Want, by waits) (v Verdict, err error) {
	if err := w.check(); err != nil {
		return v, err
	}
	if secret, err := w.secret(); err != nil {
		return v, err
	} else if secret != nil {
		by.ask = func(Query) (*Secret, error) { return secret, nil }
	}
	_ = a.Attach(req.Engine()) // it never fails
	if !challengeable(req) || req.Over() {
		return Verdict{Reason: Missing}, nil
	}
	e, source := req.Engine(), req.Source()
	q := Question{Message: req.Message(), Source: source.Addr.Addr(), Connected: source.Transport.Reliable(), Proxy: proxied(req, w),
		Realm: a.realm(req, w), AnyURI: req.Assigned(), Locals: e, Now: e.Clock().Wall(), engine: e, request: req}
	who := a.client(req)
	v = a.verify(q, by)
	if a.policy.auto && v.algorithm != 0 && !v.cant {
		a.choices.chosen(who, v.algorithm)
	}
	if v.Reason != "" || req.Over() {
		return v, nil
	}
	switch may, err := a.admit(req, w, v.User); {
	case err != nil || req.Over():
		return Verdict{Reason: Missing}, err
	case !may:
		return Verdict{Reason: Identity, User: v.User}, nil
	}
	if v.Info != "" {
		name := "Authentication-Info"
		if q.Proxy {
			name = "Proxy-Authentication-Info"
		}
		if err := req.AddSuccessHeaders(engine.HeaderEdit{Name: name, Values: []string{v.Info}}); err != nil {
			return v, err
		}
	}
	return v, a.strip(req, &q)
}

// may reports whether a user may send the request, and whether the identity that it claims is
// theirs: the same, unless any will do.
func (a *Auth) may(req *engine.Request, w *Want, user string) (may, identified bool, err error) {
	uri, ok := claimed(req.Message())
	switch {
	case !ok:
	case w.Identity != nil && !w.AnyIdentity:
		identified, err = w.Identity(user, &uri)
	default:
		identified = MayClaim(user, &uri, req.Engine())
	}
	return identified || w.AnyIdentity, identified, err
}

// strip removes the credentials for our realm from the request; others pass unchanged (RFC 3261
// §22.3). In the header that was not asked for they are ours if the nonce is: phones send what they
// registered with along with a call, but a server behind this one may use the same realm.
func (a *Auth) strip(req *engine.Request, q *Question) error {
	asked, other := q.header(), message.HeaderAuthorization
	if asked == other {
		other = message.HeaderProxyAuthorization
	}
	if err := stripHeader(req, asked, q.Realm, func(*credentials) bool { return true }); err != nil {
		return err
	}
	nonces := a.begun(q.engine).nonces
	return stripHeader(req, other, q.Realm, func(c *credentials) bool { return nonces.made(c.nonce, q.Now, q.Realm) })
}

func stripHeader(req *engine.Request, id message.HeaderID, realm string, ours func(*credentials) bool) error {
	all := req.Message().Elements(id)
	var room [maxCredentials]int
	found := room[:0]
	for n := 0; all.Next(); n++ {
		var c credentials
		if digest, flaw := c.parse(all.Value); digest && flaw == "" && string(c.realm) == realm && ours(&c) {
			found = append(found, n)
		}
	}
	for i := len(found) - 1; i >= 0; i-- {
		if _, err := req.RemoveField(id.String(), found[i]); err != nil {
			return err
		}
	}
	return nil
}

// firstDomain is the realm of requests that do not claim a domain of ours.
type firstDomain struct {
	engine *engine.Engine
	at     time.Time
	name   string
}

// realm is the realm for a request: as wanted, as configured, or the domain it claims, so that a
// server with several domains asks for the right password.
func (a *Auth) realm(req *engine.Request, w *Want) string {
	if w.Realm != "" {
		return w.Realm
	}
	uri, _ := claimed(req.Message())
	return a.realmOf(req.Engine(), &uri)
}

// realmOf is the realm of an address: as configured, or its domain if that is ours.
func (a *Auth) realmOf(e *engine.Engine, uri *message.URI) string {
	if a.policy.Realm != "" {
		return a.policy.Realm
	}
	if len(uri.Host) > 0 {
		if base := e.UserBase(uri.Host, uri.Port); base != "" {
			return base
		}
		if host := strings.TrimSuffix(strings.ToLower(string(uri.Host)), "."); e.Domains().Has(host) {
			return host
		}
	}
	return a.firstRealm(e, e.Clock().Wall())
}

// firstRealm is the first local domain. Sorting them all is too much for each request of a scanner:
// it is done once a second.
func (s *service) firstRealm(e *engine.Engine, now time.Time) string {
	old := s.first.Load()
	if old != nil && old.engine == e && now.Sub(old.at) < time.Second && !now.Before(old.at) {
		return old.name
	}
	f := &firstDomain{engine: e, at: now, name: "sip"}
	if first := e.Domains().First(); first != "" {
		f.name = first
	}
	s.first.Store(f)
	return f.name
}
