package luabind_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
)

// lateScript loops where the user is "loop" or "match", in the interpreter and in a library
// function.
const lateScript = `
function route(req)
  local user = req.ruri.user
  while user == "loop" do end
  while user == "match" do
    pcall(string.match, ("a"):rep(1e5), ".-.-b")
  end
  req:reply(200)
end`

// lateServer serves lateScript on four lanes of real sockets.
func lateServer(t testing.TB, budget time.Duration) (*engine.Engine, *luabind.Router) {
	t.Helper()
	r, err := luabind.NewRouter(luabind.Options{Source: lateScript, Name: "route.lua", Budget: budget,
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	eng, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0", "tcp:127.0.0.1:0"}, Lanes: 4,
		MaxDelay: -1, Router: r, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := eng.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = eng.Shutdown(ctx)
	})
	return eng, r
}

// asker sends requests on one socket, and gathers when each was answered.
type asker struct {
	t    testing.TB
	conn net.Conn
	via  string
	sent map[string]time.Time
	n    int // requests sent
	got  chan answer
}

type answer struct {
	id   string
	code int
	at   time.Time
}

func newAsker(t testing.TB, eng *engine.Engine, kind string) *asker {
	t.Helper()
	for _, l := range eng.Locals() {
		if l.Kind.String() != kind {
			continue
		}
		c, err := net.Dial(kind, l.Addr.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		a := &asker{t: t, conn: c, via: strings.ToUpper(kind) + " " + c.LocalAddr().String(),
			sent: map[string]time.Time{}, got: make(chan answer, 1000)}
		go a.read()
		return a
	}
	t.Fatal("no listener")
	return nil
}

// read ends with the connection.
func (a *asker) read() {
	r := bufio.NewReaderSize(a.conn, 65536) // a datagram is read whole
	code := 0
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if rest, ok := strings.CutPrefix(line, "SIP/2.0 "); ok {
			code, _ = strconv.Atoi(rest[:3])
		}
		if id, ok := strings.CutPrefix(line, "Call-ID: "); ok {
			a.got <- answer{strings.TrimSpace(id), code, time.Now()}
		}
	}
}

func (a *asker) ask(user, id string) {
	a.sent[id] = time.Now()
	a.n++
	_, err := fmt.Fprintf(a.conn, "OPTIONS sip:%s@example.com SIP/2.0\r\n"+
		"Via: SIP/2.0/%s;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\n"+
		"Call-ID: %s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", user, a.via, a.n, id)
	if err != nil {
		a.t.Fatal(err)
	}
}

// next is the next answer.
func (a *asker) next() answer {
	a.t.Helper()
	select {
	case x := <-a.got:
		return x
	case <-time.After(time.Minute):
		a.t.Fatal("no answer")
		return answer{}
	}
}

// A script that runs on keeps its lane, up to its budget, but neither the socket its request came
// from nor other lanes.
func TestALoopingScriptHoldsUpItsOwnLaneOnly(t *testing.T) {
	const budget = time.Second
	for _, kind := range []string{"udp", "tcp"} {
		for _, user := range []string{"loop", "match"} {
			t.Run(kind+" "+user, func(t *testing.T) {
				eng, r := lateServer(t, budget)
				a := newAsker(t, eng, kind)
				a.ask(user, "the-loop")
				// Else all are read in one go, and spread over the lanes' own goroutines
				for r.Stats().Calls == 0 {
					runtime.Gosched()
				}
				const asked = 60
				for i := range asked {
					a.ask("x", fmt.Sprintf("call-%d", i))
				}
				before, after := 0, 0
				for range asked + 1 {
					switch x := a.next(); {
					case x.id == "the-loop":
						if x.code != 500 {
							t.Errorf("the loop was answered %d", x.code)
						}
						after = 1
					case after == 0:
						before++
					default:
						after++
						if d := x.at.Sub(a.sent["the-loop"]); d > 2*budget+patience {
							t.Errorf("%s waited %v", x.id, d)
						}
					}
				}
				// Each call is on one of four lanes: were none on another than the loop's, there
				// would be a chance of 4^-60.
				if before == 0 || after == 1 {
					t.Errorf("%d calls were answered while the script looped, %d after it", before, after-1)
				}
			})
		}
	}
}

// patience is what a machine that is busy with other things may add.
const patience = 10 * time.Second

// A script that loops for its whole budget, again and again: how long the calls of other lanes
// wait.
func BenchmarkBesideALoop(b *testing.B) {
	for _, kind := range []string{"udp", "tcp"} {
		b.Run(kind, func(b *testing.B) {
			eng, _ := lateServer(b, 0)
			a := newAsker(b, eng, kind)
			others := a.otherLanes()
			a.ask("loop", "the-loop")
			var waits []time.Duration
			pace := time.NewTicker(2 * time.Millisecond)
			defer pace.Stop()
			for i := 0; b.Loop(); {
				<-pace.C
				id := others[i%len(others)]
				a.ask("x", id)
				for {
					x := a.next()
					if x.id == id {
						waits = append(waits, x.at.Sub(a.sent[id]))
						break
					}
					a.ask("loop", "the-loop")
				}
				i++
			}
			slices.Sort(waits)
			b.ReportMetric(float64(waits[len(waits)*99/100].Microseconds()), "p99-us")
			b.ReportMetric(float64(waits[len(waits)/2].Microseconds()), "median-us")
		})
	}
}

// otherLanes are Call-IDs that are not on the lane of "the-loop".
func (a *asker) otherLanes() (ids []string) {
	a.ask("loop", "the-loop")
	for i := range 40 {
		a.ask("x", fmt.Sprintf("call-%d", i))
	}
	over := false
	for range 41 {
		switch x := a.next(); {
		case x.id == "the-loop":
			over = true
		case !over:
			ids = append(ids, x.id)
		}
	}
	return ids
}
