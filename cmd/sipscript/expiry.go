package main

// When certificates expire, as a figure.

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipscript/sipscript/engine/transport"
)

// noteExpiry keeps when the certificates that were read expire, by the file.
func (s *server) noteExpiry(m *transport.TLSMaterial) {
	if s.expiry == nil {
		s.expiry = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "sipscript_certificate_expiry_timestamp_seconds",
			Help: "When a certificate of --tls-cert expires, in seconds since 1970."}, []string{"file"})
		s.figures.MustRegister(s.expiry)
	}
	for i, c := range m.Certificates {
		if c.Leaf != nil && i < len(s.set.tls) {
			s.expiry.WithLabelValues(s.set.tls[i].Cert).Set(float64(c.Leaf.NotAfter.Unix()))
		}
	}
}

// forgetExpiry drops the figure of a certificate that is not shown, unless another of the same file
// is.
func (s *server) forgetExpiry(file string) {
	if s.expiry != nil && !slices.ContainsFunc(s.set.tls, func(f transport.TLSFiles) bool { return f.Cert == file }) {
		s.expiry.DeleteLabelValues(file)
	}
}
