// Package trust is how modules ask for lists of senders by name: those of module acl, which auth
// trusts, and limit exempts.
package trust

import (
	"net/netip"
	"regexp"

	"github.com/sipscript/sipscript/engine/transport"
)

// Sender is who sent something.
type Sender struct {
	Addr     netip.AddrPort // where it came from
	Kind     transport.Kind // by which transport
	Identity []string       // SIP domains that a certificate has proved, in lower case
}

// Lists are lists of senders, by name. They are safe for concurrent use.
type Lists interface {
	// HasList reports whether there is a list in force, or in the script that is being loaded.
	HasList(name string) bool
	// Covers returns the entry of a list in force that has the sender, as it was written.
	Covers(list string, s *Sender) (entry string, ok bool)
}

// Places knows where addresses are.
type Places interface {
	// Place returns the code of a country, such as "DE", and the number of an autonomous system; ""
	// and 0 if they are not known.
	Place(a netip.Addr) (country string, asn uint32)
}

var name = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,63}$`)

// IsListName reports whether a text can be the name of a list. Then it is neither an
// address nor a network, nor "cert:…".
func IsListName(text string) bool { return name.MatchString(text) }
