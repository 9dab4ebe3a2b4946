package rtpengine

import (
	"context"
	"errors"
	"hash/fnv"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/rtpengine/ng"
	"github.com/sipscript/sipscript/modules/sdp/body"
)

// Relay has calls' media pass rtpengine. It is an engine.Part: an engine that has it sees the later
// requests of managed calls.
type Relay struct {
	pool *ng.Pool
	log  *slog.Logger
	work chan job // commands nobody waits for

	mu     sync.Mutex
	closed bool           // guarded by mu
	busy   sync.WaitGroup // the workers

	owed  owed
	asked atomic.Int32             // descriptions that wait for a daemon, of requests of our own
	key   atomic.Pointer[[32]byte] // of the marks in the names of calls; nil before Attach

	eng     atomic.Pointer[engine.Engine] // nil before Attach
	legsAsk atomic.Int32                  // as asked, of legs
	goesOn  atomic.Bool                   // what is not relayed goes on, of legs
}

// job is a command nobody waits for.
type job struct {
	e *ng.Engine
	d ng.Dict
}

// Bounds of what nobody waits for.
const (
	workers   = 4
	mostQueue = 4096
)

// NewRelay makes a Relay for a pool of daemons, which stays the caller's. log may be nil.
func NewRelay(pool *ng.Pool, log *slog.Logger) *Relay {
	if log == nil {
		log = slog.Default()
	}
	m := &Relay{pool: pool, log: log, work: make(chan job, mostQueue)}
	for range workers {
		m.busy.Go(m.tidy)
	}
	return m
}

// Pool are the daemons.
func (m *Relay) Pool() *ng.Pool { return m.pool }

// Close waits until the daemons were told what ended, for at most the pool's timeout.
func (m *Relay) Close() error {
	m.mu.Lock()
	first := !m.closed
	m.closed = true
	m.mu.Unlock()
	if first {
		close(m.work)
	}
	m.busy.Wait()
	return nil
}

// later has a daemon told something without waiting; not one that is down. If too much waits
// already it is dropped. A daemon ends calls without media by itself (its --timeout).
func (m *Relay) later(e *ng.Engine, d ng.Dict) {
	if e == nil || !e.Up() || m.pool.Simulated() {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	select {
	case m.work <- job{e, d}:
	default:
		m.log.Warn("rtpengine was not told of the end of a call: too much waits", "engine", e.URI, "call_id", d.Text("call-id"))
	}
}

func (m *Relay) tidy() {
	for j := range m.work {
		var refused *ng.RefusedError
		if _, err := j.e.Do(context.Background(), j.d); err != nil && !errors.As(err, &refused) {
			m.log.Warn("rtpengine was not told of the end of a call", "engine", j.e.URI, "call_id", j.d.Text("call-id"), "error", err)
		}
	}
}

// try has the first daemon that is there carry out a command; one that refuses it ends the search.
func (m *Relay) try(ctx context.Context, list []*ng.Engine, d ng.Dict, chosen func(*ng.Engine)) (answer ng.Dict, err error) {
	for _, e := range list {
		chosen(e)
		var refused *ng.RefusedError
		if answer, err = e.Do(ctx, d); err == nil || errors.As(err, &refused) || ctx.Err() != nil {
			return answer, err
		}
		m.log.Warn("rtpengine failed", "engine", e.URI, "call_id", d.Text("call-id"), "error", err)
	}
	return nil, err
}

// Manage says how a call's media passes.
type Manage struct {
	Set            string // of daemons
	Caller, Callee Side   // what each of them is shown
	// CalleeOf says what the callee of one branch is shown, in place of Callee; on: false leaves
	// the media of the branch alone. It runs on the request's lane and may wait. May be nil.
	CalleeOf func(b *engine.Branch) (side Side, on bool, err error)
	// Pass lets a call go on unchanged for which no daemon is there; otherwise its branches fail
	// with 503 and CauseMedia, and a callee that has answered gets ACK and BYE.
	Pass bool
}

// Errors of Manage.
var (
	errInDialog = errors.New("manage is for the INVITE that begins a call; what follows is managed by itself")
	errInvite   = errors.New("manage is for an INVITE")
)

// Manage has the media of the call that r begins pass a daemon, from here to its end. It waits for
// nothing. r must be an INVITE outside of a dialog that was record-routed.
func (m *Relay) Manage(r *engine.Request, o Manage) error {
	switch {
	case r.Method() != message.MethodInvite:
		return errInvite
	case r.InDialog():
		return errInDialog
	}
	s := &session{m: m, manage: &o, from: string(r.Message().FromTag())}
	s.note = carried{set: o.Set, pass: o.Pass, id: passage(r.Message()),
		caller: shown{speaks(r.Message().Body(), r.Source().Transport), o.Caller}, callee: shown{plain, o.Callee}}
	s.callID = m.callID(&s.note, r.Message().CallID())
	if err := r.Carry(noteName, s.note.text()); err != nil {
		if errors.As(err, new(*engine.MisuseError)) && len(s.note.text()) > 200 {
			return errNote
		}
		return err
	}
	r.Follow(s)
	return nil
}

// passage tells an INVITE that may have passed here before, and has a call at a daemon, from that:
// it is "" for one without Record-Route, which manage requires.
func passage(m *message.Message) string {
	via, err := m.TopVia()
	if err != nil || m.Find(message.HeaderRecordRoute, 0) < 0 {
		return ""
	}
	h := fnv.New32a()
	_, _ = h.Write(via.Branch())
	return strconv.FormatUint(uint64(h.Sum32()), 36)
}

// RelaysMedia says that media pass through a daemon.
func (*session) RelaysMedia() {}

// Intercept follows the later requests of managed calls; the router decides on them as on others.
func (m *Relay) Intercept(r *engine.Request) (bool, error) {
	if !r.InDialog() {
		return false, nil
	}
	text := r.Carried(noteName)
	if text == "" {
		return false, nil
	}
	note, ok := readNote(text)
	if !ok {
		return false, nil
	}
	msg := r.Message()
	s := &session{m: m, note: note, callID: m.callID(&note, msg.CallID()), from: string(msg.FromTag()), to: string(msg.ToTag())}
	switch method := r.Method(); method {
	case message.MethodAck, message.MethodPrack:
		if method == message.MethodAck && len(msg.Body()) > 0 || method == message.MethodPrack && m.isOwed(r, s.callID, s.to) {
			if err := s.acknowledged(r); err != nil {
				m.log.Warn("the answer of a call did not pass rtpengine", "call_id", s.callID, "error", err)
			}
			m.paid(r, s.callID, s.to)
			return false, nil
		}
		if method == message.MethodPrack {
			r.Follow(s)
		}
	case message.MethodInvite, message.MethodUpdate:
		r.Follow(s)
	case message.MethodBye:
		s.byBye = true
		r.Follow(s)
	}
	return false, nil
}

// owed are dialogs in which a callee has offered and waits for its answer, which may come in a
// PRACK (RFC 3262 §5) as well as a new offer may. They belong to lanes; each is forgotten after
// 64*T1.
type owed struct {
	mu    sync.Mutex
	known map[string]lane.Time // guarded by mu: until when
}

const mostOwed = 1 << 16

func (m *Relay) owes(r *engine.Request, callID, tag string) {
	o := &m.owed
	o.mu.Lock()
	defer o.mu.Unlock()
	now := r.Lane().Now()
	if o.known == nil {
		o.known = map[string]lane.Time{}
	}
	if len(o.known) >= mostOwed {
		for k, until := range o.known {
			if until < now {
				delete(o.known, k)
			}
		}
	}
	if len(o.known) < mostOwed {
		o.known[callID+"\x00"+tag] = now.Add(32 * time.Second)
	}
}

func (m *Relay) isOwed(r *engine.Request, callID, tag string) bool {
	o := &m.owed
	o.mu.Lock()
	defer o.mu.Unlock()
	until, ok := o.known[callID+"\x00"+tag]
	return ok && r.Lane().Now() <= until
}

func (m *Relay) paid(_ *engine.Request, callID, tag string) {
	o := &m.owed
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.known, callID+"\x00"+tag)
}

// ask has the daemon of a Call-ID carry out a command: the one that calls with it begin at, or, if
// it does not know the call, the others.
func (m *Relay) ask(ctx context.Context, callID string, d ng.Dict) (answer ng.Dict, err error) {
	err = ng.ErrDown
	for _, e := range m.candidates(callID) {
		if answer, err = e.Do(ctx, d); err == nil || ctx.Err() != nil {
			return answer, err
		}
	}
	return nil, err
}

// candidates are all daemons that are up, those first that calls with this Call-ID begin at.
func (m *Relay) candidates(callID string) (list []*ng.Engine) {
	sets := map[string]bool{}
	for _, e := range m.pool.Engines() {
		if !sets[e.Set] {
			sets[e.Set] = true
			list = append(list, m.pool.Choose(e.Set, callID)...)
		}
	}
	for _, e := range m.pool.Engines() { // those that take no new calls may have old ones
		if e.Up() && e.Weight == 0 {
			list = append(list, e)
		}
	}
	return list
}

// pass has a description in a message passed through a daemon, by hand.
func (m *Relay) pass(ctx context.Context, msg body.Message, set string, side *Side, command string, isResponse bool) (bool, error) {
	found, err := body.Of(msg.Message())
	if err != nil {
		return false, err
	}
	if found == nil {
		return false, errors.New("the message has no description (SDP)")
	}
	t := msg.Message()
	callID, from, to := string(t.CallID()), string(t.FromTag()), string(t.ToTag())
	if isResponse == (command == "offer") { // the one who offered is from-tag
		from, to = to, from
	}
	d := side.params(byHand, false)
	d["command"], d["call-id"], d["from-tag"], d["sdp"] = command, callID, from, string(found.Session.Bytes())
	if to != "" {
		d["to-tag"] = to
	}
	answer, err := m.try(ctx, m.pool.Choose(set, callID), d, func(*ng.Engine) {})
	if err != nil {
		return false, err
	}
	return true, replace(msg, found, answer)
}
