//go:build unix

package ng_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/rtpenginetest"
	"github.com/sipscript/sipscript/modules/rtpengine/ng"
)

const offer = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8\r\n"

// news are the changes that a pool tells.
type news chan string

func newPool(t testing.TB, o ng.Options, specs ...ng.Spec) (*ng.Pool, news) {
	told := make(news, 100)
	o.Changed = func(e *ng.Engine, up bool, why string) {
		t.Logf("%s %t: %s", e.URI, up, why)
		told <- fmt.Sprint(e.URI, " ", up)
	}
	p := ng.NewPool(o)
	p.Set(specs)
	t.Cleanup(p.Close)
	return p, told
}

func (n news) await(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-n:
		if got != want {
			t.Errorf("told %q, want %q", got, want)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("not told %q", want)
	}
}

// A real daemon takes commands over each of its ways.
func TestRealDaemon(t *testing.T) {
	d := rtpenginetest.Start(t)
	for _, uri := range []string{d.UDP, d.TCP, d.WS} {
		t.Run(uri[:3], func(t *testing.T) {
			p, _ := newPool(t, ng.Options{}, ng.Spec{URI: uri, Weight: 1})
			e := p.Choose("", "c1")[0]
			id := "call-" + uri
			a, err := e.Do(t.Context(), ng.Dict{"command": "offer", "call-id": id, "from-tag": "a", "sdp": offer, "replace": []string{"origin"}, "flags": []string{"symmetric"}})
			if err != nil || !strings.Contains(a.Text("sdp"), "c=IN IP4 127.0.0.1") {
				t.Fatalf("%v %q", err, a.Text("sdp"))
			}
			if a, err = e.Do(t.Context(), ng.Dict{"command": "query", "call-id": id}); err != nil || a["tags"] == nil {
				t.Errorf("query: %v %v", err, a)
			}
			var refused *ng.RefusedError
			if _, err = e.Do(t.Context(), ng.Dict{"command": "answer", "call-id": "another", "from-tag": "a", "to-tag": "b", "sdp": offer}); !errors.As(err, &refused) || !e.Up() {
				t.Errorf("an answer without a call: %v; up %t", err, e.Up())
			}
			if _, err = e.Do(t.Context(), ng.Dict{"command": "delete", "call-id": id}); err != nil {
				t.Errorf("delete: %v", err)
			}
		})
	}
}

// Many commands at once each get their own answer.
func TestAnswersAreTheirOwn(t *testing.T) {
	d := rtpenginetest.Start(t)
	for _, uri := range []string{d.UDP, d.TCP, d.WS} {
		t.Run(uri[:3], func(t *testing.T) {
			p, _ := newPool(t, ng.Options{}, ng.Spec{URI: uri, Weight: 1})
			p.SetTimeout(20 * time.Second)
			e := p.Engines()[0]
			var all sync.WaitGroup
			for i := range 50 {
				all.Go(func() {
					text := strings.Replace(offer, "s=-", fmt.Sprintf("s=call%d", i), 1)
					a, err := e.Do(context.Background(), ng.Dict{"command": "offer", "call-id": fmt.Sprint(uri, i), "from-tag": "a", "sdp": text})
					if err != nil || !strings.Contains(a.Text("sdp"), fmt.Sprintf("s=call%d\r\n", i)) {
						t.Errorf("%d: %v %q", i, err, a.Text("sdp"))
					}
				})
			}
			all.Wait()
		})
	}
}

// A daemon that is killed is down at once, takes no new calls, and is up again when it is back.
func TestDaemonsGoAndComeBack(t *testing.T) {
	d, other := rtpenginetest.Start(t), rtpenginetest.Start(t)
	for _, row := range []struct{ name, uri, other string }{{"udp", d.UDP, other.UDP}, {"tcp", d.TCP, other.TCP}, {"ws", d.WS, other.WS}} {
		t.Run(row.name, func(t *testing.T) {
			p, told := newPool(t, ng.Options{Interval: 100 * time.Millisecond}, ng.Spec{URI: row.uri, Weight: 1}, ng.Spec{URI: row.other, Weight: 1})
			if n := len(p.Choose("", "x")); n != 2 {
				t.Fatalf("%d up", n)
			}
			d.Kill()
			told.await(t, row.uri+" false")
			for i := range 100 {
				if list := p.Choose("", fmt.Sprint(i)); len(list) != 1 || list[0].URI != row.other {
					t.Fatalf("chose %v", list)
				}
			}
			d.Again()
			told.await(t, row.uri+" true")
		})
	}
}

// A daemon that hangs is down after two commands that it did not answer, and not before.
func TestSilentDaemon(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p, told := newPool(t, ng.Options{Interval: time.Hour}, ng.Spec{URI: "udp:" + c.LocalAddr().String(), Weight: 1})
	p.SetTimeout(400 * time.Millisecond)
	e := p.Engines()[0]
	for i := range 2 {
		if !e.Up() {
			t.Fatalf("down after %d", i)
		}
		if _, err := e.Do(t.Context(), ng.Dict{"command": "ping"}); !errors.Is(err, ng.ErrTimeout) {
			t.Fatal(err)
		}
	}
	told.await(t, e.URI+" false")
	if list := p.Choose("", "x"); len(list) != 0 {
		t.Error("it is chosen")
	}
	// What was lost was sent again, as the same command
	cookies := map[string]int{}
	buf := make([]byte, 1000)
	_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	for {
		n, _, err := c.ReadFrom(buf)
		if err != nil {
			break
		}
		cookie, _, _ := strings.Cut(string(buf[:n]), " ")
		cookies[cookie]++
	}
	if len(cookies) != 2 {
		t.Errorf("cookies %v", cookies)
	}
	for _, n := range cookies {
		if n != 2 {
			t.Errorf("sent %v", cookies)
		}
	}
}

// Calls keep their daemon when another goes, in proportion to the weights.
func TestChoice(t *testing.T) {
	specs := []ng.Spec{{URI: "udp:127.0.0.1:1", Weight: 1}, {URI: "udp:127.0.0.1:2", Weight: 2}, {URI: "udp:127.0.0.1:3", Weight: 1},
		{URI: "udp:127.0.0.1:4"}, {URI: "udp:127.0.0.1:5", Set: "b", Weight: 1}}
	p, _ := newPool(t, ng.Options{Interval: time.Hour}, specs...)
	const n = 4000
	was, count := map[int]string{}, map[string]int{}
	for i := range n {
		was[i] = p.Choose("", fmt.Sprint(i))[0].URI
		count[was[i]]++
	}
	for uri, want := range map[string]int{specs[0].URI: n / 4, specs[1].URI: n / 2, specs[2].URI: n / 4, specs[3].URI: 0, specs[4].URI: 0} {
		t.Run(uri, func(t *testing.T) {
			if got := count[uri]; got < want*9/10 || got > want*11/10 {
				t.Errorf("%d of %d, want %d", got, n, want)
			}
		})
	}
	p.Set(specs[1:])
	for i := range n {
		if is := p.Choose("", fmt.Sprint(i))[0].URI; is != was[i] && was[i] != specs[0].URI {
			t.Fatalf("call %d moved from %s to %s", i, was[i], is)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, row := range []struct {
		uri string
		ok  bool
	}{
		{"udp:127.0.0.1:2223", true}, {"udp:[::1]:2223", true}, {"tcp:media.example.com:2223", true}, {"udp://127.0.0.1:2223", true},
		{"ws://127.0.0.1:2225/ws", true}, {"wss://media.example.com/ws", true},
		{"127.0.0.1:2223", false}, {"udp:127.0.0.1", false}, {"http://127.0.0.1", false}, {"ws:", false}, {"", false},
	} {
		t.Run(row.uri, func(t *testing.T) {
			if err := ng.Check(row.uri); err == nil != row.ok {
				t.Errorf("%v", err)
			}
		})
	}
}
