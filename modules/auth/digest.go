package auth

// This file computes digests (RFC 7616 §3.4.1 to §3.4.3).

import "crypto/subtle"

// proof is what is needed, besides the secret, to decide whether credentials are right.
type proof struct {
	algorithm Algorithm
	// The user name; and as it was written, if that differs, for clients that include the escapes
	// in the hash
	names    [2][]byte
	realm    []byte
	nonce    []byte
	cnonce   []byte
	session  []byte // -sess: the first cnonce used with the nonce, if known
	nc       []byte
	qop      []byte // as written, "" for none
	ha2      hexHash
	response hexHash
}

// setHA2 hashes what was signed: method and URI, and with auth-int the body.
func (p *proof) setHA2(method, uri, body []byte, withBody bool) {
	var room [512]byte
	b := append(room[:0], method...)
	b = append(b, ':')
	b = append(b, uri...)
	if withBody {
		var h hexHash
		p.algorithm.hash(&h, body)
		b = append(b, ':')
		b = append(b, h.bytes()...)
	}
	p.algorithm.hash(&p.ha2, b)
}

// matches reports whether the response was made with the secret. nil is the secret of a user there
// isn't: it takes the same time.
func (p *proof) matches(s *Secret) bool {
	if s == nil {
		s = &Secret{}
	}
	right := 0
	for _, name := range p.names {
		if name == nil {
			continue
		}
		var ha1 hexHash
		right |= p.matchesName(s, name, &ha1)
	}
	return right == 1
}

// matchesName compares for one spelling of the user name, in constant time.
func (p *proof) matchesName(s *Secret, name []byte, ha1 *hexHash) int {
	known := p.ha1(s, name, ha1)
	base := *ha1
	right := p.matchesKey(ha1, p.cnonce)
	if p.algorithm.Session() && p.session != nil {
		right |= p.matchesKey(&base, p.session)
	}
	return right & known
}

// ha1 is the hash of user, realm and password, computed whether it is needed or not. It returns 1
// if the secret is known.
func (p *proof) ha1(s *Secret, name []byte, into *hexHash) int {
	var room [512]byte
	b := append(room[:0], name...)
	b = append(b, ':')
	b = append(b, p.realm...)
	b = append(b, ':')
	b = append(b, s.Password...)
	p.algorithm.hash(into, b)
	if s.known {
		return 1
	}
	if stored := s.ha1[p.algorithm.kind()]; stored != "" {
		copy(into.text[:], stored)
		return 1
	}
	return 0
}

// matchesKey compares the response with the one that ha1 makes; for -sess variants with the session
// key of cnonce.
func (p *proof) matchesKey(ha1 *hexHash, cnonce []byte) int {
	key := *ha1
	p.sessionKey(&key, cnonce)
	var want hexHash
	p.digest(&want, &key, p.ha2.bytes())
	return subtle.ConstantTimeCompare(want.bytes(), p.response.bytes())
}

// sessionKey makes key the session key, for -sess variants.
func (p *proof) sessionKey(key *hexHash, cnonce []byte) {
	if !p.algorithm.Session() {
		return
	}
	var room [512]byte
	b := append(room[:0], key.bytes()...)
	b = append(b, ':')
	b = append(b, p.nonce...)
	b = append(b, ':')
	b = append(b, cnonce...)
	p.algorithm.hash(key, b)
}

// digest is KD of RFC 7616 §3.4.1; without qop that of RFC 2069.
func (p *proof) digest(into, key *hexHash, ha2 []byte) {
	var room [512]byte
	b := append(room[:0], key.bytes()...)
	b = append(b, ':')
	b = append(b, p.nonce...)
	b = append(b, ':')
	if len(p.qop) > 0 {
		b = append(b, p.nc...)
		b = append(b, ':')
		b = append(b, p.cnonce...)
		b = append(b, ':')
		b = append(b, p.qop...)
		b = append(b, ':')
	}
	b = append(b, ha2...)
	p.algorithm.hash(into, b)
}

// answer is the rspauth of RFC 7616 §3.5: the server's proof that it knows the secret, too.
func (p *proof) answer(into *hexHash, s *Secret, uri []byte) {
	var ha1, ha2 hexHash
	for _, name := range p.names {
		if name == nil {
			continue
		}
		var h hexHash
		if p.matchesName(s, name, &h) == 1 {
			ha1 = h
			break
		}
	}
	cnonce := p.cnonce
	if p.session != nil {
		key := ha1
		if p.matchesKey(&key, cnonce) == 0 {
			cnonce = p.session
		}
	}
	p.sessionKey(&ha1, cnonce)
	var room [512]byte
	p.algorithm.hash(&ha2, append(append(room[:0], ':'), uri...))
	p.digest(into, &ha1, ha2.bytes())
}
