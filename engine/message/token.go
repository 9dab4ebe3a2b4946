package message

// Tokens: what this engine writes into messages of others, and gets back in any spelling.

// alphabet is that of tokens: it survives a change of case, and has no vowels, so that it cannot
// form the name of a header. Some user agents search for those anywhere in a message (sipp, for
// CSeq).
const alphabet = "0123456789bcdfghjklmnpqrstvwxyz-"

// AppendToken appends b in characters that survive a change of case in user parts, parameters and
// header values: 8 for 5 bytes, as in RFC 4648 §6 except for the alphabet, and without padding.
func AppendToken(dst, b []byte) []byte {
	bits, n := uint32(0), 0
	for _, c := range b {
		bits, n = bits<<8|uint32(c), n+8
		for ; n >= 5; n -= 5 {
			dst = append(dst, alphabet[bits>>(n-5)&31])
		}
	}
	if n > 0 {
		dst = append(dst, alphabet[bits<<(5-n)&31])
	}
	return dst
}

// TokenLen is how many characters a token of n bytes has.
func TokenLen(n int) int { return (n*8 + 4) / 5 }

// ReadToken is the inverse of AppendToken, into dst, in any case. ok is false for what AppendToken
// did not write, and for what does not fit into dst.
func ReadToken(dst, token []byte) (n int, ok bool) {
	bits, have := uint32(0), 0
	for _, c := range token {
		v := values[c]
		if v == noValue {
			return 0, false
		}
		bits, have = bits<<5|uint32(v), have+5
		if have < 8 {
			continue
		}
		if n == len(dst) {
			return 0, false
		}
		have -= 8
		dst[n] = byte(bits >> have)
		n++
	}
	return n, have < 5 && bits&(1<<have-1) == 0
}

const noValue = 255

// TokenFirst are the five bits that a token begins with; 32 or more for what is not one.
func TokenFirst(token []byte) byte {
	if len(token) == 0 {
		return noValue
	}
	return values[token[0]]
}

// values are the places of characters in the alphabet.
var values = func() (t [256]byte) {
	for i := range t {
		t[i] = noValue
	}
	for i, c := range []byte(alphabet) {
		t[c] = byte(i)
		if 'a' <= c && c <= 'z' {
			t[c-'a'+'A'] = byte(i)
		}
	}
	return t
}()
