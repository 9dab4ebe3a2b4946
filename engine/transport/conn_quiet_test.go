//go:build unix

package transport

import (
	"bufio"
	"math/rand/v2"
	"net"
	"testing"
	"time"
)

// A connection whose duty of reading goes to a new goroutine after each message loses nothing of
// what comes meanwhile, and its end is noticed.
func TestQuietConnectionsGoOn(t *testing.T) {
	for _, kind := range []string{"tcp", "tls"} {
		t.Run(kind, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, 0))
			a := newAuthority(t)
			flows := make(chan FlowID, 1)
			r := newRecorder(func(s *Stack, in *Inbound) {
				flows <- in.Flow
				answer(s, in)
			})
			o := a.options(a.issue("b.example"))
			o.quietAfter = time.Nanosecond
			s := serve(t, r, o, kind+":127.0.0.1:0")
			c := net.Conn(&pieces{dial(t, s.Locals()[0].Addr), random})
			if kind == "tls" {
				c = tlsOver(t, c, a)
			}
			in := bufio.NewReader(c)
			var flow FlowID
			for i := range 300 {
				echoes(t, c, in, i, random.IntN(3000))
				flow = await(t, flows)
			}
			c.Close()
			if gone := await(t, r.closed); gone != flow {
				t.Errorf("flow %v ended, not %v", gone, flow)
			}
		})
	}
}
