//go:build unix

package rtpengine_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/cputime"
	"github.com/sipscript/sipscript/internal/rtpenginetest"
	"github.com/sipscript/sipscript/modules/rtpengine/ng"
)

// BenchmarkCommand is what one offer costs this process, as cpu-µs/op: the daemon runs beside it.
// The kernel's part of two datagrams is in it: one is sent and one received, which "×datagram" has
// as a measure of the machine.
func BenchmarkCommand(b *testing.B) {
	d := rtpenginetest.Start(b)
	for _, way := range []struct{ name, uri string }{{"udp", d.UDP}, {"tcp", d.TCP}, {"ws", d.WS}} {
		b.Run(way.name, func(b *testing.B) {
			p := ng.NewPool(ng.Options{Interval: time.Hour})
			defer p.Close()
			p.Set([]ng.Spec{{URI: way.uri, Weight: 1}})
			e := p.Engines()[0]
			sdp := description(net.IPv4(127, 0, 0, 1).String(), 4000)
			command := ng.Dict{"command": "offer", "call-id": "bench", "from-tag": "a", "sdp": sdp, "replace": []string{"origin"}, "ICE": "remove", "transport-protocol": "RTP/AVP"}
			b.ReportAllocs()
			b.SetParallelism(10) // as many calls a core
			began := cputime.Used()
			b.RunParallel(func(loop *testing.PB) {
				for loop.Next() {
					if _, err := e.Do(context.Background(), command); err != nil {
						b.Error(err)
						return
					}
				}
			})
			each := float64(cputime.Used()-began) / float64(b.N)
			b.ReportMetric(each/1000, "cpu-µs/op")
			b.ReportMetric(each/float64(cputime.Datagram(b)), "×datagram")
		})
	}
}
