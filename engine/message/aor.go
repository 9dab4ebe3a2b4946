package message

// This file writes addresses-of-record in their canonical form.

import (
	"bytes"
	"strconv"
)

const (
	portSIP  = 5060
	portSIPS = 5061
)

// AppendAOR appends the canonical address-of-record (§10.3 step 5): scheme sip, user unescaped then
// canonically escaped, host in lower case and without the dot of the root, no port when it is the
// scheme's default, no parameters, password or headers. Since the result's scheme is sip, 5060 is
// left out of a sips URI, too: an AOR's own AOR is itself.
//
// A tel URI becomes "tel:" and its number without visual separators; a local number keeps its
// phone-context, without which it identifies nobody (RFC 3966 §5.1.5). A URI of another scheme is
// appended unchanged, except that the scheme is in lower case.
func (u *URI) AppendAOR(dst []byte) []byte {
	s := schemeOf(u.Scheme)
	switch s {
	case schemeOther:
		dst = appendLower(dst, u.Scheme)
		dst = append(dst, ':')
		return append(dst, u.Opaque...)
	case schemeTel:
		return u.appendTelAOR(dst)
	}
	dst = append(dst, "sip:"...)
	if u.User != nil {
		dst = appendUser(dst, u.User)
		dst = append(dst, '@')
	}
	dst = appendHostCanonical(dst, u.Host)
	if u.Port != 0 && u.Port != portSIP && !(s == schemeSIPS && u.Port == portSIPS) {
		dst = append(dst, ':')
		dst = strconv.AppendUint(dst, uint64(u.Port), 10)
	}
	return dst
}

// appendUser appends user with each character escaped that must be, and no other.
func appendUser(dst, user []byte) []byte {
	for i := 0; i < len(user); {
		c := user[i]
		i++
		if c == '%' && i+1 < len(user) && is(user[i], charHex) && is(user[i+1], charHex) {
			c = unhex(user[i])<<4 | unhex(user[i+1])
			i += 2
		}
		if is(c, charUserOK) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

func appendHostCanonical(dst, host []byte) []byte {
	if bytes.IndexByte(host, ':') < 0 {
		// The dot of the root: a name is the same with and without it.
		for n := len(host); n > 1 && host[n-1] == '.'; n-- {
			host = host[:n-1]
		}
		return appendLower(dst, host)
	}
	addr, err := parseIPv6(host)
	if err != nil {
		dst = append(dst, '[')
		dst = appendLower(dst, host)
		return append(dst, ']')
	}
	dst = append(dst, '[')
	dst = addr.AppendTo(dst)
	return append(dst, ']')
}

func appendLower(dst, b []byte) []byte {
	for _, c := range b {
		dst = append(dst, lowerTable[c])
	}
	return dst
}

func (u *URI) appendTelAOR(dst []byte) []byte {
	dst = append(dst, "tel:"...)
	dst = appendNumber(dst, u.User)
	if len(u.User) > 0 && u.User[0] == '+' {
		return dst
	}
	if context, ok := u.Params.Get("phone-context"); ok {
		dst = append(dst, ";phone-context="...)
		if len(context) > 0 && context[0] == '+' {
			return appendNumber(dst, context)
		}
		return appendLower(dst, context)
	}
	return dst
}

func appendNumber(dst, number []byte) []byte {
	for _, c := range number {
		if !isSeparator(c) {
			dst = append(dst, lowerTable[c])
		}
	}
	return dst
}
