package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/spec"
)

// Code is a script that is run: a file, or a text.
type Code struct {
	Path       string // of the file, or
	Text, Name string // the text, and what errors call it
	Files      fs.FS  // what a text requires
	// Through is luabind.Options.Through
	Through func(file string) string
	Args    map[string]string // sip.args
}

// stage is the world of one script.
type stage struct {
	opts    *Options
	world   *sim.World
	engine  *engine.Engine
	wire    *sim.Wire
	modules []luabind.Opener
	outside *nobody
	loads   []string // what was asked outside while no request was played

	// Of the request that is played; nil: none is. It changes while nothing runs in the world.
	now *play
}

// play is one request on its way.
type play struct {
	request *Request
	message message.Message
	source  netip.AddrPort
	local   netip.AddrPort
	kind    transport.Kind
	cseq    uint32
	list    []happening
	asked   []string // outside
	final   int      // what its sender got
	byes    int      // that are not answered yet
	sent    int      // messages of other parties
}

// Bounds of what follows from one request, in virtual time.
const (
	patience     = 190 * time.Second // of callers: longer than timer C
	settled      = 20 * time.Millisecond
	goodbye      = 5 * time.Second
	mostHappened = 2000
	// longestGap bounds the time between two requests that timers see: the clock of a server may
	// have jumped by years.
	longestGap = 24 * time.Hour
)

// newStage starts a script. The error is for its author.
func newStage(o *Options, m *Material, code Code) (s *stage, err error) {
	s = &stage{opts: o, world: sim.New(o.Seed | 1)}
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if len(m.Requests) > 0 {
		began = m.Requests[0].At.Local()
	}
	s.world.SetWall(began)
	s.world.Others(s.others)
	s.outside = &nobody{now: s.world.Wall, note: s.note}
	err = s.start(m, code)
	if err == nil {
		err = s.restore(m)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// restore has modules begin with what they knew.
func (s *stage) restore(m *Material) error {
	for _, x := range s.modules {
		if state, ok := m.State[x.Name()]; ok {
			if r, ok := x.(restorer); ok {
				if err := r.Restore(s.opts.context, state); err != nil {
					return fmt.Errorf("the state of %s: %w", x.Name(), err)
				}
			}
		}
	}
	return nil
}

// restorer is a module that takes state.
type restorer interface {
	Restore(ctx context.Context, state json.RawMessage) error
}

func (s *stage) start(m *Material, code Code) (err error) {
	o := luabind.Options{Script: code.Path, Source: code.Text, Name: code.Name, Files: code.Files, Through: code.Through, Args: code.Args, Env: s.opts.Env, Seed: s.opts.Seed | 1,
		Budget: s.opts.Budget, LoadBudget: s.opts.LoadBudget, Memory: s.opts.Memory, Log: slog.New(slog.DiscardHandler), Loading: s.opts.context}
	if code.Path != "" {
		o.Name = ""
	}
	if s.opts.Modules != nil {
		if s.modules, err = s.opts.Modules(s.outside, s.vouch); err != nil {
			return err
		}
	}
	o.Modules = s.modules
	router, err := luabind.NewRouter(o)
	if err != nil {
		return err
	}
	s.engine, err = engine.New(engine.Config{Clock: s.world, Meter: s.world, Seed: s.opts.Seed | 1, Lanes: 1, Domains: m.Domains, Router: router, Log: o.Log, DNS: names(s.world),
		Secret: []byte("a secret of replays, which signs nothing that leaves them"), MaxDelay: -1, Observe: func(*lane.Lane) engine.Observer { return (*observer)(s) },
		Network: func(r transport.Receiver) (transport.Wire, error) {
			wire, err := s.world.Network(m.Listen...)(r)
			s.wire, _ = wire.(*sim.Wire)
			return wire, err
		}})
	if err != nil {
		return err
	}
	if err := s.engine.Start(); err != nil {
		return err
	}
	s.world.Drive(s.engine.Lanes()...)
	s.world.Drive(s.engine.Background())
	router.SetShared(m.Shared)
	s.world.Run(settled)
	return nil
}

func (s *stage) close() {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if s.wire != nil {
		s.wire.Remove()
	}
	if s.engine != nil {
		_ = s.engine.Shutdown(over)
	}
	for _, m := range slices.Backward(s.modules) {
		if c, ok := m.(io.Closer); ok {
			_ = c.Close()
		}
	}
	s.outside.close()
}

// note remembers what a script asked outside.
func (s *stage) note(what string) {
	if x := s.now; x != nil {
		name, _, _ := strings.Cut(what, ":")
		x.asked = add(x.asked, name)
		return
	}
	s.loads = add(s.loads, what)
}

// vouch reports whether the credentials of the request that is played were right then. Nobody knows
// if it was not asked then: the decision is one that was asked outside.
func (s *stage) vouch([]byte, uint32) bool {
	if s.now == nil {
		return false
	}
	yes, known := s.now.request.Then.accepted()
	if !known {
		s.now.asked = add(s.now.asked, "credentials")
		return true
	}
	return yes
}

var errUnplayable = errors.New("it can't be played")

// play sends a request, and returns what was decided about it.
func (s *stage) play(r *Request) (d Decision, err error) {
	x := &play{request: r}
	kind, ok := transport.ParseKind([]byte(r.Transport))
	if err := x.message.Parse(r.Text, &message.Limits{}); err != nil || !ok {
		return d, errUnplayable
	}
	cseq, _ := x.message.CSeq()
	x.kind, x.cseq = kind, cseq.Number
	if x.source, err = netip.ParseAddrPort(r.Source); err != nil {
		return d, errUnplayable
	}
	if x.local, err = netip.ParseAddrPort(r.Local); err != nil {
		return d, errUnplayable
	}
	// At the time at which it came, or as soon as what came before is over
	if gap := r.At.Sub(s.world.Wall()); gap > 0 {
		s.world.RunUntil(min(gap, longestGap), func() bool { return s.opts.context.Err() != nil })
		if gap > longestGap {
			s.world.SetWall(r.At.Local())
		}
	}
	s.now = x
	defer func() { s.now = nil }()
	if err := s.world.SendFrom(kind, x.source, x.local, r.Text); err != nil {
		return d, errUnplayable
	}
	s.world.RunUntil(s.patience(x), func() bool { return x.final > 0 || s.opts.context.Err() != nil })
	s.world.Run(settled)
	s.world.RunUntil(goodbye, func() bool { return x.byes == 0 || s.opts.context.Err() != nil })
	d = decide(&x.message, x.source, x.list)
	for _, name := range x.asked {
		d.Asks = add(d.Asks, name)
	}
	return d, nil
}

// patience is how long the sender of a request waits (§17.1.1.2, §17.1.2.2).
func (s *stage) patience(x *play) time.Duration {
	if x.message.Method() == message.MethodInvite {
		return patience
	}
	return 33 * time.Second
}

// observer is the stage as the lane's observer. It runs while the world waits for the lane.
type observer stage

// Message keeps what was sent, and what answers came.
func (o *observer) Message(m *engine.Observed) {
	if x := o.now; x != nil && len(x.list) < mostHappened {
		x.list = append(x.list, happening{sent: m.Sent, failed: m.Err != nil, peer: m.Peer, text: slices.Clone(m.Bytes)})
	}
}

// Step keeps a step of the request.
func (o *observer) Step(t *engine.ObservedStep) {
	if x := o.now; x != nil && len(x.list) < mostHappened && (t.CSeq == x.cseq && string(t.CallID) == string(x.message.CallID()) || t.Function == "error") {
		x.list = append(x.list, happening{function: strings.Clone(t.Function), place: strings.Clone(t.Place), answer: strings.Clone(t.Answer), decides: t.Decides})
	}
}

// Options of Run. Modules is required.
type Options struct {
	// Modules makes what scripts can require: they ask others through out alone, and vouch tells
	// whether credentials were right.
	Modules    func(out spec.Outside, vouch func(callID []byte, cseq uint32) bool) ([]luabind.Opener, error)
	Env        func(name string) string // sip.env
	Budget     time.Duration            // of handlers
	LoadBudget time.Duration            // of files
	Memory     int                      // bytes that a script may hold
	Seed       uint64                   // of both worlds
	// Progress is called after each request; nil: it is not.
	Progress func(done, all int)

	context context.Context
}
