package engine_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/sim"
)

// A Via can't aim our answers at somebody else (§18.2.2), by whatever makes them; that of a trusted
// source may.
func TestViaAimsAtNobodyElse(t *testing.T) {
	const victim = "10.0.9.9"
	for _, trusted := range []bool{false, true} {
		for name, row := range map[string]struct {
			method string
			change *strings.Replacer
			want   string
		}{
			"a refused INVITE":    {"INVITE", strings.NewReplacer(";rport", ";maddr="+victim), "486"},
			"an answered request": {"MESSAGE", strings.NewReplacer(";rport", ";rport;maddr="+victim), "486"},
			"a malformed request": {"MESSAGE", strings.NewReplacer(";rport", ";maddr="+victim, "CSeq: 1", "CSeq: x"), "400"},
			"another sent-by":     {"INVITE", strings.NewReplacer("UDP 10.0.0.2:5060", "UDP "+victim+":5060"), "486"},
			"received":            {"INVITE", strings.NewReplacer(";rport", ";received="+victim), "486"},
			"no rport":            {"INVITE", strings.NewReplacer("UDP 10.0.0.2:5060;rport", "UDP "+victim+":5060"), "486"},
		} {
			t.Run(name, func(t *testing.T) {
				b := newBenchWith(t, 1, func(r *engine.Request) error { _, err := r.Reply(486, "", nil); return err }, func(c *engine.Config, _ *sim.World) {
					if trusted {
						c.TrustVia = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}
					}
				})
				hit := 0
				b.w.Host(victim+":5060", func(sim.Packet) { hit++ })
				var got []string
				alice := b.w.Host("10.0.0.2:5060", func(p sim.Packet) { got = append(got, string(p.Bytes)) })
				alice.Send(proxyAddr, []byte(row.change.Replace((&call{ph: &handset{Phone: &sim.Phone{Host: alice}, b: b}, id: "c1", uri: "sip:bob@example.com", maxForward: "70"}).request(row.method))))
				b.w.Run(40 * time.Second)
				if aims := strings.Contains(row.change.Replace(";rport"), "maddr") && trusted; aims {
					if hit == 0 || len(got) != 0 {
						t.Errorf("%d there, %d here", hit, len(got))
					}
					return
				}
				if hit != 0 || len(got) == 0 || !strings.HasPrefix(got[0], "SIP/2.0 "+row.want) {
					t.Errorf("%d at somebody else's; the sender got %q", hit, got)
				}
			})
		}
	}
}
