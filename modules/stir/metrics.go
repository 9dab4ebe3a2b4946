package stir

import (
	"strconv"
	"sync/atomic"

	"github.com/sipscript/sipscript/luabind"
)

// Metrics of the module.
func (s *Stir) Metrics() []luabind.Metric {
	counter := func(name, help string, n *atomic.Uint64) luabind.Metric {
		return luabind.Metric{Name: name, Help: help, Value: func() float64 { return float64(n.Load()) }}
	}
	list := []luabind.Metric{
		counter("stir_signed_total", "Identity headers that were made.", &s.count.signed),
		counter("stir_diverted_total", "Identity headers of diversions that were made.", &s.count.diverted),
		counter("stir_unsigned_total", "Requests that should have been signed and could not be.", &s.count.unsigned),
		counter("stir_verified_total", "Requests whose Identity was right.", &s.count.verified),
	}
	for i, code := range codes {
		m := counter("stir_refused_total", "Requests whose Identity was not right, by the code of RFC 8224.", &s.count.refused[i])
		m.Labels = map[string]string{"code": strconv.Itoa(code)}
		list = append(list, m)
	}
	return append(list,
		counter("stir_fetched_total", "Certificates that were fetched.", &s.count.fetched),
		counter("stir_fetch_failures_total", "Certificates that could not be fetched.", &s.count.failed),
		counter("stir_files_reread_total", "Changes of our files that were put into force.", &s.count.reread),
		counter("stir_files_bad_total", "Changes of our files that could not be read.", &s.count.bad),
		luabind.Metric{Name: "stir_kept_certificates", Help: "Certificates of others that are kept.", Kind: luabind.Gauge,
			Value: func() float64 { return float64(len(*s.certs.kept.Load())) }},
		luabind.Metric{Name: "stir_certificate_expires_seconds", Help: "Seconds until our certificate expires, 0 without one.", Kind: luabind.Gauge, Value: s.expires})
}

// expires are the seconds until our certificate expires.
func (s *Stir) expires() float64 {
	u := s.serving.Load()
	if u == nil {
		return 0
	}
	o := u.own.Load()
	if o == nil {
		return 0
	}
	return o.cert.NotAfter.Sub(s.certs.now()).Seconds()
}
