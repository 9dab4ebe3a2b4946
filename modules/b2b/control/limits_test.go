package control

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/sim"
)

type refuses struct{}

func (refuses) Route(r *engine.Request) error {
	_, err := r.Reply(403, "", nil)
	return err
}

// newHub is a hub with one order beside its own: "call".
func newHub(t *testing.T) (*Hub, *sim.World) {
	t.Helper()
	var h *Hub
	w := sim.New(1)
	agent := dialog.New(dialog.Options{Told: func(e dialog.Event) { h.Told(e) }})
	eng, err := engine.New(engine.Config{Clock: w, Meter: w, Network: w.Network("udp:10.0.0.1:5060"), Seed: 1, Lanes: 1, Router: refuses{},
		Parts: []engine.Part{agent}, Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		err = eng.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	w.Drive(eng.Lanes()...)
	w.Drive(eng.Background())
	h = New(Options{Agent: agent, ID: (*dialog.Leg).ID, LaneOf: func(string) *lane.Lane { return eng.Lanes()[0] }, Find: agent.Find, Owned: func(*dialog.Leg) bool { return false }})
	h.Handle(OrderOf(Order{Name: "call", Where: OnLane}, none{}, nil, func(t *Turn, _ *none) {
		_ = agent.Dial(t.Lane, nil, []*engine.Target{{URI: "sip:x@10.0.9.9:5060"}}, dialog.DialOptions{Begun: func(l *dialog.Leg, _ *engine.Target) { t.Own(l) }},
			func(*dialog.Leg, *engine.Response) {})
		t.Done(true)
	}))
	h.Attach(eng)
	return h, w
}

// says gives orders and is all that is said.
func says(w *sim.World, c *Conn, orders ...string) string {
	for _, o := range orders {
		c.Receive([]byte(o))
	}
	w.Run(time.Millisecond)
	var all strings.Builder
	for text := c.Next(); text != nil; text = c.Next() {
		all.Write(text)
		all.WriteByte('\n')
	}
	return all.String()
}

// A session has so many legs, and lists and snapshots say how many they leave out.
func TestLimits(t *testing.T) {
	h, w := newHub(t)
	h.most = limits{legs: 2, listed: 1}
	x := h.Connect(Asker{Acts: func() bool { return true }})
	said := says(w, x, `{"do":"hello","ref":"1"}`, `{"do":"call","ref":"2"}`, `{"do":"call","ref":"3"}`, `{"do":"call","ref":"4"}`, `{"do":"list","ref":"5"}`)
	y := h.Connect(Asker{})
	watched := says(w, y, `{"do":"hello","ref":"1","watch":"all"}`)
	for _, c := range []struct{ name, said, want string }{
		{"the second", said, `"ref":"3","result":true`},
		{"the third", said, `"ref":"4","refused":"full"`},
		{"a list", said, `"left_out":1,"legs":[`},
		{"a snapshot", watched, `"event":"synced","left_out":1,"legs":1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(normal(c.said), normal(c.want)) {
				t.Errorf("no %s in\n%s", c.want, c.said)
			}
		})
	}
}

// normal puts the members of objects, which come in no certain order, into one.
func normal(text string) string {
	return strings.NewReplacer(`"ref":"4","refused":"full"`, "A", `"refused":"full","ref":"4"`, "A", `"legs":1,"left_out":1`, "B", `"left_out":1,"legs":1`, "B").Replace(text)
}

// What a session remembers is bounded, and what is remembered is the newest.
func TestMemoryOfASession(t *testing.T) {
	s := &Session{hub: New(Options{}), first: 1, answers: map[string]*answer{}, ends: map[string]string{}}
	for i := range 2000 {
		ref := fmt.Sprint(i)
		s.ask(ref, [32]byte{}, false)
		s.answer(ref, []byte(`"ref":"x"}`))
		s.noteEnd(ref, "bye")
	}
	if len(s.answers) != mostAnswers || len(s.answered) != mostAnswers || s.answers["1999"] == nil {
		t.Errorf("%d answers", len(s.answers))
	}
	if len(s.ends) != mostEnded || len(s.ended) != mostEnded || s.ends["1999"] != "bye" {
		t.Errorf("%d ends", len(s.ends))
	}
	for range 100 {
		s.push([]byte(strings.Repeat("x", 100_000)))
	}
	if s.bytes > mostBytes || len(s.kept) > 42 {
		t.Errorf("%d messages of %d bytes are kept", len(s.kept), s.bytes)
	}
}

// A leg that an order makes when its session is over is nobody's, and ends.
func TestLegOfASessionThatIsOver(t *testing.T) {
	h, w := newHub(t)
	var late func()
	var made *dialog.Leg
	h.Handle(OrderOf(Order{Name: "late", Where: OnLane}, none{}, nil, func(t *Turn, _ *none) {
		late = func() {
			_ = h.o.Agent.Dial(t.Lane, nil, []*engine.Target{{URI: "sip:x@10.0.9.9:5060"}}, dialog.DialOptions{Begun: func(l *dialog.Leg, _ *engine.Target) {
				made = l
				t.Own(l)
			}}, func(*dialog.Leg, *engine.Response) {})
		}
	}))
	says(w, h.Connect(Asker{Acts: func() bool { return true }}), `{"do":"hello","ref":"1"}`, `{"do":"late","ref":"2"}`)
	for c := range h.conns {
		says(w, c, `{"do":"bye","ref":"3"}`)
	}
	h.eng.Load().Lanes()[0].Post(lane.Func(func(*lane.Lane) { late() }))
	w.Run(time.Second)
	if made == nil || made.State() != dialog.Ended || made.Why() == "" || len(h.places[0].grips) != 0 || len(h.places[0].watching) != 0 {
		t.Errorf("the leg: %s %s", made.State(), made.Why())
	}
	w.Run(time.Hour)
	if n := h.o.Agent.Calls(); n != 0 {
		t.Errorf("%d legs are left", n)
	}
}

// Names in a hello are bounded.
func TestLongHello(t *testing.T) {
	h, w := newHub(t)
	for _, hello := range []string{`"name":"` + strings.Repeat("x", 65) + `"`, `"apps":[` + strings.Repeat(`"a",`, 16) + `"b"]`, `"keep":601`, `"keep":0`, `"seen":-1`} {
		t.Run(hello[:6], func(t *testing.T) {
			if said := says(w, h.Connect(Asker{}), `{"do":"hello","ref":"1",`+hello+`}`); !strings.Contains(said, `"refused":"bad-option"`) {
				t.Error(said)
			}
		})
	}
}
