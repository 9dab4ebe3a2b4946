package registrar

// This file makes and reads GRUUs: URIs that lead to one instance of a user agent from anywhere
// (RFC 5627).
//
// A public GRUU is the address-of-record with the instance: sip:bob@example.com;gr=urn:uuid:… A
// temporary one hides who it is: sip:tgruu.TOKEN@example.com;gr, where the token is the address and
// a mark of the instance's registration, encrypted. No table is kept: it is valid as long as the
// instance is registered with the Call-ID it had when the GRUU was issued (§3.2), here and in every
// process with the same secret.

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"hash/fnv"
	"net/url"
	"slices"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
)

const (
	tempUser = "tgruu."
	markSize = 8    // bytes
	maxToken = 1024 // characters: longer ones are not looked at, and not issued
)

// gruus makes and reads temporary GRUUs.
type gruus struct{ seal cipher.AEAD }

func newGRUUs(key [32]byte) *gruus {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic("registrar: " + err.Error()) // the key has a length that AES knows
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		panic("registrar: " + err.Error())
	}
	return &gruus{seal}
}

// appendPublic appends the public GRUU of an instance of aor (§3.1.1).
func appendPublic(dst []byte, aor string, instance []byte) []byte {
	dst = append(append(dst, aor...), ";gr="...)
	return appendEscaped(dst, instance)
}

// appendTemporary appends a new temporary GRUU of an instance of aor that is registered with that
// Call-ID (§3.1.2), or nothing if the address has no user to hide, or is too long.
func (g *gruus) appendTemporary(dst []byte, aor string, instance []byte, callID string) []byte {
	scheme, host, ok := cutAOR(aor)
	if !ok || proxy.TokenLen(g.seal.NonceSize()+markSize+len(aor)+g.seal.Overhead()) > maxToken {
		return dst
	}
	var room [12 + markSize + 256]byte
	nonce := room[:g.seal.NonceSize()]
	rand.Read(nonce)
	mark := registrationMark(instance, callID)
	plain := append(append(make([]byte, 0, markSize+len(aor)), mark[:]...), aor...)
	token := g.seal.Seal(nonce, nonce, plain, nil)
	dst = append(append(dst, scheme...), tempUser...)
	dst = proxy.AppendToken(dst, token)
	dst = append(append(dst, '@'), host...)
	return append(dst, ";gr"...)
}

// cutAOR separates "sip:" and what follows the user from a canonical address.
func cutAOR(aor string) (scheme, host string, ok bool) {
	colon, at := bytes.IndexByte(viewOf(aor), ':'), bytes.LastIndexByte(viewOf(aor), '@')
	if colon < 0 || at < colon {
		return "", "", false
	}
	return aor[:colon+1], aor[at+1:], true
}

// registrationMark distinguishes a registration of an instance from those with other Call-IDs.
func registrationMark(instance []byte, callID string) (mark [markSize]byte) {
	h := fnv.New64a()
	h.Write(bytes.ToLower(instance))
	h.Write([]byte{0})
	h.Write(viewOf(callID))
	h.Sum(mark[:0])
	return mark
}

// wanted is what a URI asks for in addition to an address-of-record.
type wanted struct {
	aor       []byte // of a temporary GRUU; nil: the URI's own
	instance  []byte // of a public GRUU
	mark      [markSize]byte
	temporary bool
	never     bool // it has the form of a GRUU, and none of that form was issued here
}

// isGRUU reports whether u is a GRUU, of whomever.
func isGRUU(u *message.URI) bool { return len(u.Params) > 0 && u.Params.Has("gr") }

// readGRUU reads a GRUU. A temporary one that is not ours never denotes anybody (RFC 5627 §6.1).
// Whether a public one was issued is unknown: the registrar does not know who is a user, and knows
// instances only while they are registered.
func (s *service) readGRUU(u *message.URI) (w wanted) {
	value, _ := u.Params.Get("gr")
	if len(value) > 0 {
		w.instance = unescape(value)
		return w
	}
	w.temporary, w.aor = true, []byte{}
	head, token := u.User[:min(len(tempUser), len(u.User))], u.User[min(len(tempUser), len(u.User)):]
	ok := bytes.EqualFold(head, []byte(tempUser))
	g := s.gruus.Load()
	w.never = g != nil // until it has been read
	if !ok || g == nil || len(token) > maxToken {
		return w
	}
	sealed := make([]byte, len(token))
	size, ok := proxy.ReadToken(sealed, token)
	n := g.seal.NonceSize()
	if sealed = sealed[:size]; !ok || size < n {
		return w
	}
	plain, err := g.seal.Open(nil, sealed[:n], sealed[n:], nil)
	if err != nil || len(plain) < markSize {
		return w
	}
	w.never = false
	copy(w.mark[:], plain)
	w.aor = plain[markSize:]
	return w
}

// of is those bindings that the GRUU leads to: the most recent of its instance first (RFC 5627
// §6.1).
func (w *wanted) of(found []*Binding) []*Binding {
	instance := w.instance
	if w.temporary {
		for _, b := range found {
			if own, _ := instanceOf(b.Params()); len(own) > 0 && registrationMark(own, b.CallID()) == w.mark {
				instance = own
				break
			}
		}
	}
	var list []*Binding
	for _, b := range found {
		if own, _ := instanceOf(b.Params()); sameInstance(instance, own) {
			list = append(list, b)
		}
	}
	slices.SortStableFunc(list, func(a, b *Binding) int { return int(b.updated - a.updated) })
	return list
}

// appendEscaped appends text as the value of a URI parameter (§25.1: paramchar).
func appendEscaped(dst, text []byte) []byte {
	const hex = "0123456789ABCDEF"
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', bytes.IndexByte([]byte("-_.!~*'()[]/:&+$"), c) >= 0:
			dst = append(dst, c)
		default:
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}

// unescape undoes appendEscaped. Malformed escapes stay unchanged.
func unescape(text []byte) []byte {
	if plain, err := url.PathUnescape(string(text)); err == nil {
		return []byte(plain)
	}
	return text
}

// appendGRUUs appends the contact parameters that give b its GRUUs (RFC 5627 §5.2): nothing for a
// UA without an instance id.
func (s *service) appendGRUUs(dst []byte, aor string, b *Binding) []byte {
	if !b.named() {
		return dst
	}
	instance, _ := instanceOf(b.Params())
	dst = append(dst, `;pub-gruu="`...)
	dst = append(appendPublic(dst, aor, instance), '"')
	if g := s.gruus.Load(); g != nil {
		const name = `;temp-gruu="`
		without := len(dst)
		dst = g.appendTemporary(append(dst, name...), aor, instance, b.CallID())
		if len(dst) == without+len(name) {
			return dst[:without]
		}
		dst = append(dst, '"')
	}
	return dst
}

// NeverGiven reports whether uri, of a local domain, has the form of a GRUU that was never issued
// here. Lookup then finds nobody, as for a user who is not registered; but a request must be
// answered 404, not 480 (RFC 5627 §6.1).
func (r *Registrar) NeverGiven(uri *message.URI) bool {
	q := r.query(uri, nil)
	return q.never
}

// vouch says what the Request-URI of a request in a dialog denotes, if that is a GRUU of ours:
// otherwise it would come back here (RFC 5627 §6.1). The router decides who may send it on.
func (r *Registrar) vouch(req *engine.Request) {
	if uri, party, ok := req.LostFlow(); ok {
		r.follow(req, &uri, &party)
		return
	}
	uri, ok := req.HomeURI()
	if !ok || !isGRUU(&uri) || !r.policy.GRUU {
		return
	}
	q := r.query(&uri, nil)
	found, err := r.findFor(req, q.aor)
	if err != nil {
		req.Engine().Log().Warn("a GRUU in a dialog cannot be resolved", "uri", string(req.Message().RequestURI()), "error", err)
	}
	found = q.choose(found)
	targets := make([]*engine.Target, len(found))
	for i, b := range found {
		targets[i] = b.Target()
	}
	req.ResolveTo(targets)
}

// follow finds a client whose connection is gone, or was left for another one, if it has registered
// again since: the instance of its GRUU, or the contact in the dialog, for the user whose dialog it
// is. JsSIP uses its GRUU as Contact, without ob, so that its calls survive a reconnect. If nobody
// is found the request fails as its flow did (430, RFC 5626 §5.3.1).
func (r *Registrar) follow(req *engine.Request, uri, party *message.URI) {
	e := req.Engine()
	var q query
	gruu := isGRUU(uri) && r.policy.GRUU && e.IsLocal(string(uri.Host), uri.Port)
	switch {
	case gruu:
		q = r.query(uri, nil)
	case party.IsSIP() && e.IsLocal(string(party.Host), party.Port):
		q.aor = r.address(nil, party)
	default:
		return
	}
	found, err := r.findFor(req, q.aor)
	if err != nil {
		e.Log().Warn("a client whose connection is gone cannot be looked up", "uri", string(req.Message().RequestURI()), "error", err)
		return
	}
	if gruu {
		found = q.of(found)
	}
	text := uri.AppendTo(nil)
	for _, b := range found {
		if b.Flow() != 0 && !e.FlowOpen(b.Flow()) || !gruu && !b.matches(text, uri) {
			continue
		}
		req.ResolveTo([]*engine.Target{b.Target()})
		return
	}
}

// findFor finds the bindings of aor for a request, which waits if the store does.
func (r *Registrar) findFor(req *engine.Request, aor []byte) ([]*Binding, error) {
	now := req.Engine().Clock().Wall()
	if found, ok := r.peek(aor, now); ok {
		return found, nil
	}
	if waits, _ := r.Waits(); waits {
		return engine.Await(req, func(ctx context.Context) ([]*Binding, error) { return r.lookup(ctx, aor, now) })
	}
	return r.lookup(req.Context(), aor, now)
}

// GRUUs are the public GRUU and a new temporary one of a binding of aor, "" if it has none: its UA
// names no instance.
func (r *Registrar) GRUUs(aor string, b *Binding) (public, temporary string) {
	if !b.named() || !r.policy.GRUU {
		return "", ""
	}
	instance, _ := instanceOf(b.Params())
	if g := r.gruus.Load(); g != nil {
		temporary = string(g.appendTemporary(nil, aor, instance, b.CallID()))
	}
	return string(appendPublic(nil, aor, instance)), temporary
}
