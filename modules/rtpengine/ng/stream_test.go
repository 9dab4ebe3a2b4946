package ng_test

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
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

// A TCP connection that ends takes nobody's command with it: those without an answer are sent once
// more, with their cookies, and the daemon is not down.
func TestConnectionEnds(t *testing.T) {
	for _, row := range []struct {
		name string
		ends int32 // connections that end with the first commands they carry
		ok   bool
	}{{"once", 1, true}, {"again and again", 100, false}, {"never", 0, true}} {
		t.Run(row.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			cookies := make(chan string, 100)
			go func() {
				for ends := row.ends; ; ends-- {
					c, err := l.Accept()
					if err != nil {
						return
					}
					go servePings(c, ends > 0, cookies)
				}
			}()
			p, _ := newPool(t, ng.Options{Interval: time.Hour}, ng.Spec{URI: "tcp:" + l.Addr().String(), Weight: 1})
			p.SetTimeout(20 * time.Second)
			e := p.Engines()[0]
			if _, err := e.Do(t.Context(), ng.Dict{"command": "ping"}); (err == nil) != row.ok || e.Up() != row.ok {
				t.Errorf("%v; up: %v", err, e.Up())
			}
			seen := map[string]int{}
			for range len(cookies) { // each was noted before its connection ended, or was answered
				seen[<-cookies]++
			}
			if want := 1 + min(1, int(row.ends)); len(seen) != 1 || seen[slices.Collect(maps.Keys(seen))[0]] != want {
				t.Errorf("sent %v, want one %d times", seen, want)
			}
		})
	}
}

// servePings answers pings, or ends the connection with the first.
func servePings(c net.Conn, ends bool, cookies chan<- string) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		cookie, err := r.ReadString(' ')
		if err != nil {
			return
		}
		cookies <- cookie
		if _, err := r.Discard(len("d7:command4:pinge")); err != nil || ends {
			return
		}
		_, _ = fmt.Fprint(c, cookie, string(pong))
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
