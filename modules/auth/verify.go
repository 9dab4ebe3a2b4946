package auth

// This file checks the credentials of a request, step by step.

import (
	"bytes"
	"context"
	"net/netip"
	"strconv"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	trusting "github.com/sipscript/sipscript/modules/trust"
)

// Reason is why credentials were not enough; "" when they were.
type Reason string

const (
	Missing     Reason = "missing"     // none for the realm
	Malformed   Reason = "malformed"   // they can't be read, or are for another URI
	Unsupported Reason = "unsupported" // an algorithm or qop that was not offered
	Stale       Reason = "stale"       // right, but the nonce is too old or not ours
	Replay      Reason = "replay"      // right, but used before
	Failed      Reason = "failed"      // unknown user or wrong password: not distinguished
	Banned      Reason = "banned"      // too many failures
	Identity    Reason = "identity"    // right, but the claimed identity is not the user's
	Unavailable Reason = "unavailable" // users cannot be looked up now
)

// Question is a request to check.
type Question struct {
	Message *message.Message // only read
	Source  netip.Addr       // whose failures and nonces count: without its port
	// Connected: the transport has shown that the sender receives at Source, as TCP does.
	Connected bool
	Proxy     bool      // look at Proxy-Authorization (407), otherwise Authorization (401)
	Realm     string    // ours
	AnyURI    bool      // do not compare the URI signed with the Request-URI
	Locals    Locals    // our names, nil for none: see Policy.CheckURI
	Now       time.Time // the time that nonces and bans are measured by

	// Relayed: a proxy in between is believed to have changed the Request-URI. It matters only if
	// there is a second Via.
	Relayed bool

	engine  *engine.Engine  // whose key counts
	request *engine.Request // nil for none
}

// header is the header with the credentials.
func (q *Question) header() message.HeaderID {
	if q.Proxy {
		return message.HeaderProxyAuthorization
	}
	return message.HeaderAuthorization
}

// Verdict is the result of a check.
type Verdict struct {
	User   string // the user; for Failed and Banned, the claimed one
	Reason Reason // "": it is him
	// Stale: only a new nonce is needed; a challenge says so, and the client need not ask its user.
	Stale  bool
	Detail string        // Malformed: what is wrong
	Left   time.Duration // Banned: for how long
	Err    error         // Unavailable: why
	Info   string        // the value of Authentication-Info for a 2xx, "" for none

	algorithm Algorithm // of the credentials, 0 for none that can be read
	// They show that the client took the challenge for another algorithm, and used MD5
	cant bool
}

// attempt is one check under way.
type attempt struct {
	auth   *Auth
	live   *live
	q      Question
	creds  credentials
	proof  proof
	nonce  origin
	proven bool // the sender receives at its source
	nc     uint32
	whom   [2]suspect
}

// Verify checks the credentials of a message. It may block if the policy's Users do, until ctx
// ends; it is not for lanes: see [Auth.Check].
func (a *Auth) Verify(ctx context.Context, q Question) Verdict {
	return a.verify(q, waits{ctx: ctx})
}

// waits are the ways to wait. When they return, the message may be gone.
type waits struct {
	ctx  context.Context                   // where lend is nil
	lend func(f func(ctx context.Context)) // calls f, with the lane lent to others
	ask  fetcher                           // looks users up instead of the policy's; nil for none
}

// wait calls f, which may block.
func (w *waits) wait(f func(ctx context.Context)) {
	if w.lend == nil {
		f(w.ctx)
		return
	}
	w.lend(f)
}

// fetcher looks a user up.
type fetcher func(q Query) (*Secret, error)

// fetch looks a user up if memory is not enough.
func (w *waits) fetch(users Users, q Query) (secret *Secret, err error) {
	if w.ask != nil {
		return w.ask(q)
	}
	err = context.Canceled // the request was over before it began
	w.wait(func(ctx context.Context) { secret, err = users.Fetch(ctx, q) })
	return secret, err
}

func (a *Auth) verify(q Question, w waits) Verdict {
	t := attempt{auth: a, q: q, live: a.begun(q.engine)}
	v, known := t.vouched()
	if !known {
		v = t.begin()
	}
	if v.Reason == "" && !known {
		v = t.decide(w)
	}
	v.algorithm = t.proof.algorithm
	a.figures.verdict(v.Reason)
	return v
}

// begin does all that needs the message. A Reason in the verdict ends the check.
func (t *attempt) begin() Verdict {
	if v := t.find(); v.Reason != "" {
		return v
	}
	if v := t.readParams(); v.Reason != "" {
		return v
	}
	if !t.rightURI() {
		return malformed("the uri signed is not the Request-URI")
	}
	c, m := &t.creds, t.q.Message
	t.proof.realm, t.proof.nonce, t.proof.cnonce, t.proof.nc, t.proof.qop = c.realm, c.nonce, c.cnonce, c.nc, c.qop
	t.proof.names[0] = c.user
	if !bytes.Equal(c.user, c.rawUser) {
		t.proof.names[1] = c.rawUser
	}
	for i, b := range c.response {
		t.proof.response.text[i] = lower(b)
	}
	t.proof.response.n = len(c.response)
	integrity := equalFold(c.qop, "auth-int")
	var body []byte
	if integrity {
		body = m.Body()
	}
	t.proof.setHA2(m.MethodText(), c.uri, body, integrity)
	return t.refused()
}

// vouched is what was found out about credentials before their secrets were overwritten; known is
// false for all others, and outside of replays.
func (t *attempt) vouched() (v Verdict, known bool) {
	if t.auth.vouch == nil {
		return v, false
	}
	if found := t.find(); found.Reason != "" || len(t.creds.response) == 0 || len(bytes.Trim(t.creds.response, "*")) > 0 {
		return v, false
	}
	v.User = string(t.creds.user)
	cseq, _ := t.q.Message.CSeq()
	if !t.auth.vouch(t.q.Message.CallID(), cseq.Number) {
		v.Reason = Failed
	}
	return v, true
}

func malformed(detail string) Verdict { return Verdict{Reason: Malformed, Detail: detail} }

// maxCredentials is how many fields of a request are looked at.
const maxCredentials = 8

// find looks for credentials in our realm: the first whose nonce is ours, or else the first.
func (t *attempt) find() Verdict {
	flaw, found := "", false
	all := t.q.Message.Elements(t.q.header())
	for n := 0; n < maxCredentials && all.Next(); n++ {
		var c credentials
		digest, bad := c.parse(all.Value)
		if !digest {
			continue
		}
		if bad != "" {
			flaw = bad
			continue
		}
		if string(c.realm) != t.q.Realm {
			continue
		}
		nonce := t.live.nonces.read(c.nonce, t.q.Now, t.auth.policy.NonceLifetime, t.q.Realm, t.q.Source)
		nonce.ours = nonce.ours && (len(c.opaque) == 0 || string(c.opaque) == t.live.nonces.opaque)
		if found && !nonce.ours {
			continue
		}
		t.creds, t.nonce, found = c, nonce, true
		t.proven = t.q.Connected || nonce.ours && nonce.proven
		if nonce.ours {
			break
		}
	}
	switch {
	case found:
		return Verdict{}
	case flaw != "":
		return malformed(flaw)
	}
	return Verdict{Reason: Missing}
}

// readParams checks the parameters (RFC 7616 §3.4).
func (t *attempt) readParams() Verdict {
	c := &t.creds
	if len(c.user) == 0 || len(c.nonce) == 0 || len(c.uri) == 0 || len(c.response) == 0 {
		return malformed("username, nonce, uri or response is missing")
	}
	t.proof.algorithm = MD5 // if it is omitted (RFC 7616 §3.3)
	if c.seen&fieldAlgorithm != 0 {
		t.proof.algorithm = lookupAlgorithm(c.algorithm)
	}
	if c.userhash || !t.offered() {
		return Verdict{Reason: Unsupported}
	}
	if t.auth.policy.auto && t.proof.algorithm.Base() == SHA256 && len(c.response) == MD5.size() {
		// Npm sip 0.0.6 hashes with MD5 whatever the challenge says.
		return Verdict{Reason: Unsupported, cant: true}
	}
	if len(c.response) != t.proof.algorithm.size() || !isHex(c.response) {
		return malformed("response is not a hash")
	}
	if c.seen&fieldQOP == 0 {
		t.nc = 1 // such a nonce is valid for one request
		if !t.auth.policy.bare {
			return Verdict{Reason: Unsupported}
		}
		if t.proof.algorithm.Session() && len(c.cnonce) == 0 {
			return malformed("cnonce is missing")
		}
		return Verdict{}
	}
	n, err := strconv.ParseUint(string(c.nc), 16, 32)
	switch {
	case !t.offeredQOP():
		return Verdict{Reason: Unsupported}
	case err != nil || n == 0 || len(c.nc) > 8 || !isHex(c.nc):
		return malformed("nc is not a count")
	case len(c.cnonce) == 0:
		return malformed("cnonce is missing")
	}
	t.nc = uint32(n)
	return Verdict{}
}

func (t *attempt) offered() bool {
	for _, a := range t.auth.policy.Algorithms {
		if a == t.proof.algorithm {
			return true
		}
	}
	return false
}

func (t *attempt) offeredQOP() bool {
	for _, q := range t.auth.policy.QOP {
		if q != "none" && equalFold(t.creds.qop, q) {
			return true
		}
	}
	return false
}

// rightURI reports whether the signed URI is the requested one (RFC 7616 §3.4.6). Only user and
// host are compared: clients omit or add ports and parameters.
//
// Policy.CheckURI "direct" accepts more: any of our names for another; this server itself, which is
// signed by clients that regard the server as the resource; and anything if a proxy was in between,
// which may have changed the Request-URI. Anybody can write a second Via, and use credentials they
// overheard for another call, so the proxy must be a believed one, or prove what it did.
func (t *attempt) rightURI() bool {
	signed, asked := t.creds.uri, t.q.Message.RequestURI()
	check := t.auth.policy.CheckURI
	if t.q.AnyURI || check == "never" || bytes.Equal(signed, asked) || t.sameURI(signed, asked, check == "direct") {
		return true
	}
	return check == "direct" && (t.proxied() || t.q.request != nil && t.q.request.Readdressed(signed))
}

// sameURI compares user and host. anyName: all of our names are equal.
func (t *attempt) sameURI(signed, asked []byte, anyName bool) bool {
	a, err := message.ParseURI(signed)
	if err != nil {
		return false
	}
	b, err := message.ParseURI(asked)
	if err != nil {
		return false
	}
	if anyName && t.local(&a) {
		if a.User == nil {
			return true
		}
		if t.local(&b) {
			a.Host = b.Host
		}
	}
	a.Port, b.Port = 0, 0
	var roomA, roomB [128]byte
	return bytes.Equal(a.AppendAOR(roomA[:0]), b.AppendAOR(roomB[:0]))
}

// proxied reports whether the request came by another proxy that is believed: it has more than one
// Via, and its source is among Policy.Trusted or the engine's TrustVia.
func (t *attempt) proxied() bool {
	vias := t.q.Message.Elements(message.HeaderVia)
	vias.Next()
	if !vias.Next() {
		return false
	}
	if t.q.Relayed || t.q.engine != nil && t.q.engine.TrustsVia(t.q.Source.Unmap()) {
		return true
	}
	if t.q.request != nil {
		return t.auth.Trusted(t.q.request) != ""
	}
	return t.auth.trusts(&trusting.Sender{Addr: netip.AddrPortFrom(t.q.Source, 0)}) != ""
}

func (t *attempt) local(u *message.URI) bool {
	return len(u.Host) > 0 && t.q.Locals != nil && t.q.Locals.IsLocal(string(u.Host), u.Port)
}

// refused ends the check for those who failed too often.
func (t *attempt) refused() Verdict {
	g := t.auth.guesses
	t.whom = g.whom(t.q.Source, t.creds.user, t.proven)
	left := g.banned(t.whom, t.q.Now)
	if !t.proven {
		// A sender that sees our challenge gets a nonce that proves it, and may continue
		if left > 0 {
			return Verdict{Reason: Stale, Stale: true}
		}
		left = g.banned(g.whom(t.q.Source, t.creds.user, true), t.q.Now)
	}
	if left > 0 {
		t.auth.warn(&t.q, "guessing", "refused, as banned", string(t.creds.user), "left", left.Round(time.Second))
		return Verdict{Reason: Banned, User: string(t.creds.user), Left: left}
	}
	return Verdict{}
}
