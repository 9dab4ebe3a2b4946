package auth

// This file decides on credentials once the user's secret is known.

import (
	"bytes"
	"context"
	"strconv"
	"time"
)

// decide finds the secret, compares, and handles the nonce.
func (t *attempt) decide(w waits) Verdict {
	query := Query{User: string(t.creds.user), Realm: t.q.Realm, Now: t.q.Now, TTL: t.auth.policy.Cache}
	if s := t.proof.algorithm; s.Session() && t.nonce.ours {
		if first := t.live.replays.session(t.nonce.key); first != "" {
			t.proof.session = []byte(first)
		}
	}
	var secret *Secret
	certainty := Unknown
	if w.ask == nil {
		secret, certainty = t.auth.policy.Users.Find(query)
	}
	// A user that does not exist costs as much as a wrong password: a comparison with what the
	// cache has, or would have; then, if the cache may be out of date, the store, and another
	// comparison. So timing does not distinguish the two, and a changed password takes effect at
	// once.
	right := t.proof.matches(secret)
	t.auth.figures.found(certainty, right)
	if !right && certainty != Certain {
		slow := *t // whatever waits leaves the stack
		slow.detach()
		return slow.fetch(query, w)
	}
	return t.conclude(query.User, secret, right, w)
}

// detach makes the attempt independent of the message, which may be gone when the wait is over.
func (t *attempt) detach() {
	t.creds.clone()
	t.q.Message = nil
	c, p := &t.creds, &t.proof
	p.realm, p.nonce, p.cnonce, p.nc, p.qop = c.realm, c.nonce, c.cnonce, c.nc, c.qop
	p.names[0] = c.user
	if p.names[1] != nil {
		p.names[1] = c.rawUser
	}
	p.session = bytes.Clone(p.session)
}

func (t *attempt) fetch(query Query, w waits) Verdict {
	secret, err := w.fetch(t.auth.policy.Users, query)
	if err != nil {
		return Verdict{Reason: Unavailable, User: query.User, Err: err}
	}
	return t.conclude(query.User, secret, t.proof.matches(secret), w)
}

func (t *attempt) conclude(user string, secret *Secret, right bool, w waits) Verdict {
	if !right {
		t.failed(user)
		return Verdict{Reason: Failed, User: user}
	}
	if !t.nonce.ours {
		// RFC 7616 §3.3: only if the digest is right
		return Verdict{Reason: Stale, User: user, Stale: true}
	}
	reason := t.use(!t.nonce.shared())
	if reason == unclaimed {
		slow := *t // whatever waits leaves the stack
		slow.detach()
		return slow.claim(user, secret, w)
	}
	return t.settle(user, secret, reason)
}

// use records the use of the count; claimed: if it is the nonce's first one, the nonce belongs to
// this process.
func (t *attempt) use(claimed bool) Reason {
	var cnonce []byte
	if t.proof.algorithm.Session() {
		cnonce = t.creds.cnonce
	}
	return t.live.replays.use(t.nonce.key, t.nc, cnonce, claimed)
}

// claim takes a nonce that any process of the cluster may have used for this process. If that
// cannot be decided the nonce is refused, and the challenge that follows is valid only for this
// process: one more round trip.
func (t *attempt) claim(user string, secret *Secret, w waits) Verdict {
	reason := Stale
	w.wait(func(ctx context.Context) {
		left := t.auth.policy.NonceLifetime - time.Duration(t.q.Now.UnixMilli()-t.nonce.key.issued())*time.Millisecond
		if mine, err := t.live.nonces.shared.cluster.Claim(ctx, t.nonce.secret, t.nonce.key, left+clockSkew); err == nil && mine {
			reason = ""
		}
	})
	if reason == "" {
		reason = t.use(true)
	}
	return t.settle(user, secret, reason)
}

// settle ends the check of a password that was right.
func (t *attempt) settle(user string, secret *Secret, reason Reason) Verdict {
	if reason != "" {
		return Verdict{Reason: reason, User: user, Stale: true}
	}
	t.auth.guesses.succeeded(t.whom)
	return Verdict{User: user, Info: t.info(secret)}
}

// failed counts a wrong password.
func (t *attempt) failed(user string) {
	a := t.auth
	bannedUser, bannedSource := a.guesses.failed(t.whom, &a.policy.Limits, t.q.Now)
	source := t.q.Source.Unmap().String()
	a.emit(Event{Kind: EventFailed, User: user, Source: source, Reason: Failed})
	a.warn(&t.q, "password", "wrong password, or no such user", user)
	if !t.proven {
		return
	}
	if bannedUser {
		a.figures.bans.Add(1)
		a.emit(Event{Kind: EventBanned, User: user, Source: source, Left: a.policy.Limits.Ban})
		a.warn(&t.q, "guessing", "too many wrong passwords: banned the user at this source", user, "ban", a.policy.Limits.Ban)
	}
	if bannedSource {
		a.figures.bans.Add(1)
		a.emit(Event{Kind: EventBanned, Source: source, Left: a.policy.Limits.Ban})
		a.warn(&t.q, "guessing", "too many wrong passwords: banned the source", user, "ban", a.policy.Limits.Ban)
	}
}

// info is the Authentication-Info (RFC 7616 §3.5): the next nonce, once half of this one's life is
// over, and our own proof.
func (t *attempt) info(secret *Secret) string {
	p := &t.auth.policy
	half := t.q.Now.UnixMilli()-t.nonce.key.issued() > p.NonceLifetime.Milliseconds()/2
	if p.Info == "never" || p.Info == "auto" && !half {
		return ""
	}
	var b []byte
	if half {
		b = append(b, `nextnonce="`...)
		b = append(b, t.live.nonces.issue(t.q.Now, p.NonceLifetime, t.q.Realm, t.q.Source)...)
		b = append(b, '"')
	}
	// With auth-int our proof would cover the answer's body, which does not exist yet.
	if !equalFold(t.creds.qop, "auth") {
		return string(b)
	}
	if b != nil {
		b = append(b, ", "...)
	}
	var h hexHash
	t.proof.answer(&h, secret, t.creds.uri)
	b = append(b, "qop=auth, rspauth=\""...)
	b = append(b, h.bytes()...)
	b = append(b, "\", cnonce="...)
	b = strconv.AppendQuote(b, string(t.creds.cnonce))
	b = append(b, ", nc="...)
	b = append(b, t.creds.nc...)
	return string(b)
}
