// Which domains a certificate is valid for (RFC 5922), and whether to believe it.

package transport

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
)

// identities are the SIP domains a certificate is valid for, in lower case (RFC 5922 §7.1): the
// hosts of its sip URIs without a user part or, only if there are none, its DNS names. A name with
// a wildcard is not a SIP domain (§7.2), and neither is the subject's common name.
func identities(cert *x509.Certificate) []string {
	var names []string
	for _, u := range cert.URIs {
		if !strings.EqualFold(u.Scheme, "sip") {
			continue
		}
		uri, err := message.ParseURI([]byte("sip:" + u.Opaque))
		if err != nil || len(uri.User) > 0 || strings.Contains(u.Opaque, "@") {
			continue
		}
		names = append(names, canonicalName(string(uri.Host)))
	}
	if len(names) > 0 {
		return names
	}
	for _, name := range cert.DNSNames {
		if !strings.Contains(name, "*") {
			names = append(names, canonicalName(name))
		}
	}
	return names
}

// canonicalName makes domain names comparable (RFC 5922 §7.2: case does not matter).
func canonicalName(name string) string {
	return strings.TrimSuffix(strings.ToLower(name), ".")
}

// proves checks that the certificate is valid for the server: for exactly its name or, if only the
// address is known, for the address.
func proves(cert *x509.Certificate, name string, addr netip.Addr) error {
	if ip, err := netip.ParseAddr(name); err == nil {
		name, addr = "", ip
	}
	if name == "" {
		for _, b := range cert.IPAddresses {
			if ip, ok := netip.AddrFromSlice(b); ok && ip.Unmap() == addr.Unmap().WithZone("") {
				return nil
			}
		}
		return &nameError{addr: addr}
	}
	speaksFor := identities(cert)
	if slices.Contains(speaksFor, name) {
		return nil
	}
	return &nameError{speaksFor: speaksFor, name: name}
}

// sipDomainUsage is id-kp-sipDomain (RFC 5924): a certificate made for SIP alone, whichever side
// shows it.
var sipDomainUsage = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 20}

// believe checks a chain against the authorities: signatures, times, constraints. Both ways of use
// are accepted from both sides: a proxy shows the same certificate when it connects and when it is
// connected to, and public authorities issue certificates for servers alone.
func believe(chain []*x509.Certificate, roots *x509.CertPool) error {
	if len(chain) == 0 {
		return errors.New("the peer presented no certificate")
	}
	leaf := chain[0]
	o := x509.VerifyOptions{
		Roots:         roots,
		Intermediates: x509.NewCertPool(),
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if slices.ContainsFunc(leaf.UnknownExtKeyUsage, sipDomainUsage.Equal) {
		o.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
	}
	for _, c := range chain[1:] {
		o.Intermediates.AddCert(c)
	}
	_, err := leaf.Verify(o)
	return err
}
