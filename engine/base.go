package engine

import (
	"bytes"
	"net/netip"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
)

// Which names share users: phones are configured with an address of the server as often as with its
// name, and bob@192.0.2.1 should be reached as bob@example.com.

// UserBase says which of the local names share their users.
type UserBase uint32

const (
	// Our addresses have the users of the first domain; other domains their own
	AliasAddresses UserBase = iota
	Separate                // each name has its own
	OneForAll               // all have those of the first domain
)

// SetUserBase chooses; all that compares users by their addresses follows.
func (d *Domains) SetUserBase(b UserBase) { d.base.Store(uint32(b)) }

// First is the domain that was added first and still exists, a name rather than an address if there
// is one; "" for none.
func (d *Domains) First() string { return *d.first.Load() }

// UserBase is the domain that a local host at that port (0: none given) shares its users with; ""
// if it has its own.
func (e *Engine) UserBase(host []byte, port uint16) string {
	d := e.domains
	base := UserBase(d.base.Load())
	if base == Separate || len(host) == 0 || base == AliasAddresses && !addressLike(host) {
		return ""
	}
	first := d.First()
	if first == "" || isAddress([]byte(first)) || bytes.EqualFold(withoutRoot(host), []byte(first)) {
		return ""
	}
	if base == AliasAddresses && !isAddress(host) || !e.isLocal(host, port, nil) {
		return ""
	}
	return first
}

// AppendAddress appends the canonical address-of-record of u (message.URI.AppendAOR), in the domain
// the user belongs to.
func (e *Engine) AppendAddress(dst []byte, u *message.URI) []byte {
	if u.IsSIP() {
		if base := e.UserBase(u.Host, u.Port); base != "" {
			own := *u
			own.Host, own.Port = []byte(base), 0
			return own.AppendAOR(dst)
		}
	}
	return u.AppendAOR(dst)
}

// addressLike quickly recognizes what may be an address.
func addressLike(host []byte) bool {
	last := host[len(host)-1]
	return '0' <= last && last <= '9' || bytes.IndexByte(host, ':') >= 0
}

func isAddress(host []byte) bool {
	if !addressLike(host) {
		return false
	}
	_, err := netip.ParseAddr(strings.Trim(string(host), "[]"))
	return err == nil
}
