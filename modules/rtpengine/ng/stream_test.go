package ng_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/rtpenginetest"
	"github.com/sipscript/sipscript/modules/rtpengine/ng"
)

// long is an offer of more than 1,024 bytes, as browsers make them.
var long = offer + strings.Repeat("a=x-long:"+strings.Repeat("y", 60)+"\r\n", 40)

// rtpengine closes a TCP connection that has more than 1,024 bytes of an unfinished command. Long
// commands do not share one.
func TestLongCommandsOverTCP(t *testing.T) {
	d := rtpenginetest.Start(t)
	p, _ := newPool(t, ng.Options{Interval: time.Hour}, ng.Spec{URI: d.TCP, Weight: 1})
	p.SetTimeout(20 * time.Second)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			for range 50 {
				command := ng.Dict{"command": "offer", "call-id": fmt.Sprint(i), "from-tag": "a", "sdp": long}
				if _, err := p.Engines()[0].Do(context.Background(), command); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// What ends the connection of a long command ends just this one: it is tried once more, its error
// says what to do, and the daemon is not down.
func TestLongCommandIsCut(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var cuts atomic.Int32
	var cut atomic.Int32 // connections that are to be cut
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serveCuts(c, &cut, &cuts)
		}
	}()
	p, _ := newPool(t, ng.Options{Interval: time.Hour}, ng.Spec{URI: "tcp:" + l.Addr().String(), Weight: 1})
	p.SetTimeout(20 * time.Second)
	e := p.Engines()[0]
	command := ng.Dict{"command": "offer", "call-id": "1", "from-tag": "a", "sdp": long}
	for _, row := range []struct {
		name string
		cut  int32
		ok   bool
	}{{"once", 1, true}, {"each time", 100, false}, {"never", 0, true}} {
		t.Run(row.name, func(t *testing.T) {
			cut.Store(row.cut)
			cuts.Store(0)
			_, err := e.Do(t.Context(), command)
			if (err == nil) != row.ok || err != nil && !strings.Contains(err.Error(), "use udp:") {
				t.Error(err)
			}
			if n := cuts.Load(); n > 2 {
				t.Errorf("sent %d times", n)
			}
			if _, err := e.Do(t.Context(), ng.Dict{"command": "ping"}); err != nil || !e.Up() {
				t.Errorf("%v; up %t", err, e.Up())
			}
		})
	}
}

// serveCuts answers commands; it closes connections of long ones while there are some to be cut.
func serveCuts(c net.Conn, cut, cuts *atomic.Int32) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		cookie, err := r.ReadString(' ')
		if err != nil {
			return
		}
		long := false
		for end := ""; !strings.HasSuffix(end, "7:command5:offere") && !strings.HasSuffix(end, "4:pinge"); {
			b, err := r.ReadByte()
			if err != nil {
				return
			}
			end += string(b)
			if long = len(end) > 1024; long && cut.Load() > 0 {
				cut.Add(-1)
				cuts.Add(1)
				return
			}
			if long && strings.HasSuffix(end, "\r\ne") { // the SDP is its last key
				break
			}
		}
		_, _ = fmt.Fprint(c, cookie, string(pong))
	}
}
