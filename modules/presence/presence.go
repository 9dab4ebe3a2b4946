// Package presence is a presence server: users publish their state (RFC 3903), and others watch it
// (RFC 6665) by the event packages presence (RFC 3856), dialog (RFC 4235) and message-summary (RFC
// 3842); a user sees who watches (RFC 3857).
//
// It is used from scripts as the module "presence"; a [Presence] belongs to the process, so that
// subscriptions and publications outlive a reload.
package presence

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/drivers"
	"github.com/sipscript/sipscript/modules/clients/redis"
	"github.com/sipscript/sipscript/modules/dialog"
	"github.com/sipscript/sipscript/modules/internal/calls"
	"github.com/sipscript/sipscript/modules/internal/notifier"
	"github.com/sipscript/sipscript/modules/presence/eventstate"
	"github.com/sipscript/sipscript/modules/registrar"
	"github.com/sipscript/sipscript/modules/source"
)

// contactUser is the user part of our Contacts, by which the later SUBSCRIBEs of a dialog are
// known.
const contactUser = "presence"

// Options of New. The zero value serves publications and what scripts set.
type Options struct {
	Log *slog.Logger // nil drops all
	// Registrar is the module that knows registrations and serves the package reg, or nil.
	Registrar luabind.Opener
	// Calls tells of calls, in place of the engine's own view; nil for none.
	Calls calls.Source
	// Dialogs are the calls that scripts track, whose ends are known better; nil for none.
	Dialogs *dialog.Dialogs
	Clients *clients.Pool // the databases of sources; nil: a pool of its own
	Keep    string        // the directory in which state is kept, "" for none
	// Redis keeps the state in place of Keep, and shares it with other nodes; nil: there are none
	Redis *redis.Client
	Lease time.Duration    // after which a silent node is taken to be gone; 0: DefaultLease
	Now   func() time.Time // the time of day before Attach; nil: time.Now
}

// Presence is a presence server. It is safe for concurrent use.
type Presence struct {
	o        Options
	policy   atomic.Pointer[Policy]
	core     *notifier.Notifier
	store    *eventstate.Store
	contents contents
	lamps    lamps
	users    users     // nil for none
	reg      subscribe // the package reg, nil for none
	engine   atomic.Pointer[engine.Engine]
	sweeper  atomic.Pointer[sweeper]
	stops    []func() // what was begun by Attach
	script   luabind.Events[Event]
	figures  figures
	lists    atomic.Pointer[source.List[*lists]] // nil for none
	vets     atomic.Pointer[Authorize]           // what counts without a script; nil: its function
	keeper   *keeper                             // nil: no directory has it
	shared   *shared                             // nil: no other node has it
}

// subscribe is the part of the registrar that serves the package reg.
type subscribe interface {
	Subscribe(req *engine.Request, headers []engine.HeaderEdit) (ok bool, err error)
}

// figures are counters since the start.
type figures struct{ published, refused atomic.Uint64 }

// New makes a presence server. An error: what is kept can't be read.
func New(o Options) (*Presence, error) {
	p := &Presence{o: o, contents: contents{by: map[eventstate.Key]*content{}}}
	if p.o.Clients == nil {
		p.o.Clients = clients.New(clients.Options{Drivers: drivers.All(), Log: o.Log})
	}
	p.users, _ = o.Registrar.(users)
	p.reg, _ = o.Registrar.(subscribe)
	policy := DefaultPolicy()
	p.store = eventstate.New(eventstate.Limits{}, newTag)
	served := notifier.Options{Name: "presence", User: contactUser, Find: p.find, Allow: p.allowEvents, Policy: policy.notifier()}
	switch {
	case o.Redis != nil:
		p.shared = newShared(p, o.Redis, o.Lease, o.Log)
		served.Keep, served.Elsewhere = p.keepSubscription, p.shared.take
	case o.Keep != "":
		if err := p.open(); err != nil {
			return nil, err
		}
		served.Keep = p.keepSubscription
	}
	p.core = notifier.New(served)
	p.setPolicy(policy)
	return p, nil
}

// open opens what is kept, and reads publications.
func (p *Presence) open() (err error) {
	log := p.o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if p.keeper, err = openKeeper(p.o.Clients, p.o.Keep, log); err != nil {
		return err
	}
	now := time.Now()
	if p.o.Now != nil {
		now = p.o.Now()
	}
	if err = p.keeper.publications(func(k eventstate.Key, pub *eventstate.Publication) { p.store.Restore(k, pub, now) }); err != nil {
		return errors.Join(fmt.Errorf("presence: --data: %w", err), p.keeper.close())
	}
	p.store.Keep(p.keeper.put, p.keeper.drop)
	return nil
}

// newTag makes an entity tag that no other publication has or had.
func newTag() string {
	var b [12]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// SetPolicy puts another policy into force. An error: it contradicts itself, and the old one stays.
func (p *Presence) SetPolicy(policy Policy) error {
	if err := policy.Check(); err != nil {
		return err
	}
	p.setPolicy(policy)
	return nil
}

func (p *Presence) setPolicy(policy Policy) {
	p.policy.Store(&policy)
	p.core.SetPolicy(policy.notifier())
	p.store.SetLimits(eventstate.Limits{PerKey: policy.MaxPublications, All: 10 * policy.Max})
}

// Policy is the policy in force.
func (p *Presence) Policy() *Policy { return p.policy.Load() }

// find is a package that is served, or nil.
func (p *Presence) find(event string) *notifier.Package {
	for _, name := range p.Policy().Packages {
		if name == event {
			return packages[name]
		}
	}
	return nil
}

// allowEvents is the value of Allow-Events: all that presence.subscribe serves.
func (p *Presence) allowEvents() string {
	list := p.Policy().Packages
	if p.reg != nil {
		list = append(list[:len(list):len(list)], regPackage)
	}
	return strings.Join(list, ", ")
}

// authorizer is who says what a watcher may see without a script at hand, nil for nobody.
func (p *Presence) authorizer() Authorize {
	if f := p.vets.Load(); f != nil {
		return *f
	}
	return nil
}

// waits reports whether the state of a user may have to be waited for.
func (p *Presence) waits() bool {
	if p.users == nil || p.Policy().From == "" {
		return false
	}
	lookup, _ := p.users.Waits()
	return lookup
}

// durable reports whether publications are written somewhere.
func (p *Presence) durable() bool { return p.keeper != nil || p.shared != nil }

// Terminate ends a subscription with a last NOTIFY, and reports whether it was there. retry is when
// the watcher should come back, 0 if that is not said.
func (p *Presence) Terminate(id, reason string, retry time.Duration) bool {
	if s := p.core.ByID(id); s != nil {
		s.Terminate(reason, retry)
		return true
	}
	dialog := p.shared.byID(id)
	if dialog != "" {
		p.shared.ask(dialog, order{End: reason, Retry: retry})
	}
	return dialog != ""
}

// changed is called after the state of a user became another one.
func (p *Presence) changed(k eventstate.Key) {
	p.contents.forget(k)
	p.tell(k)
	p.unsolicited(k)
	p.script.Emit(Event{Kind: EventChanged, AOR: k.AOR, Package: k.Package})
}

// Attach ends publications when they are over, on the background lane of e, and listens to
// registrations and calls. It makes a Presence an engine.Part.
func (p *Presence) Attach(e *engine.Engine) error {
	if p.engine.Swap(e) == e {
		return nil
	}
	s := &sweeper{p: p, engine: e}
	p.sweeper.Store(s)
	e.Background().Post(s)
	if p.stops != nil {
		return nil // they stand
	}
	p.stops = []func(){}
	if p.keeper != nil {
		if err := p.restore(e); err != nil {
			return err
		}
	}
	if p.shared != nil {
		p.shared.start(e)
	}
	if p.users != nil {
		p.stops = append(p.stops, p.users.Follow(p.registration), p.users.FollowElsewhere(p.registeredElsewhere))
	}
	if p.o.Calls != nil {
		p.stops = append(p.stops, p.o.Calls.FollowCalls(p.call))
	}
	if p.o.Dialogs != nil {
		p.stops = append(p.stops, p.o.Dialogs.Watch(p.tracked))
	}
	return nil
}

// Intercept serves the later SUBSCRIBEs of subscriptions, and looks at calls: it makes a Presence
// an engine.Interceptor.
func (p *Presence) Intercept(req *engine.Request) (taken bool, err error) {
	if p.o.Calls == nil && p.Policy().BLF {
		p.lamps.look(p, req)
	}
	return p.core.Intercept(req)
}

// Detach ends the subscriptions, so that their subscribers need not find out by themselves; with a
// keeper those alone that can't come back. The engine calls it at its end.
func (p *Presence) Detach(ctx context.Context, _ *engine.Engine) error {
	if p.shared != nil {
		p.shared.leave()
	}
	if !p.core.Idle() {
		p.core.Stop(ctx)
	}
	return nil
}

// Close ends what Attach began.
func (p *Presence) Close() error {
	for _, stop := range p.stops {
		stop()
	}
	p.stops = nil
	if p.shared != nil {
		p.shared.close()
		return p.o.Redis.Close()
	}
	if p.keeper != nil {
		return p.keeper.close()
	}
	return nil
}

// registration hears of a registration.
func (p *Presence) registration(e *registrar.Event) {
	if e.Kind == registrar.Refreshed {
		return
	}
	if k := (eventstate.Key{Package: PackagePresence, AOR: e.AOR}); p.Policy().From != "" && !p.core.Idle() {
		p.contents.forget(k)
		p.tell(k)
	}
	if e.Kind == registrar.Bound {
		p.greet(e.AOR, e.Binding)
	}
}

// registeredElsewhere hears that a user's registrations have changed at another node, "" for any
// user's.
func (p *Presence) registeredElsewhere(aor string) {
	if p.Policy().From == "" || p.core.Idle() {
		return
	}
	if aor == "" {
		p.contents.forgetAll()
		p.core.AllChanged()
		return
	}
	k := eventstate.Key{Package: PackagePresence, AOR: aor}
	p.contents.forget(k)
	p.tell(k)
}

// sweepEvery is how often publications are ended that are over.
const sweepEvery = time.Second

// sweeper is the timer of that. It belongs to the lane it runs on.
type sweeper struct {
	p      *Presence
	engine *engine.Engine
	lane   *lane.Lane
	timer  lane.Timer
}

// Do starts the timer.
func (s *sweeper) Do(l *lane.Lane) {
	s.lane = l
	l.After(sweepEvery, &s.timer, s)
}

// Expire sweeps once, and starts the timer again unless another engine took over.
func (s *sweeper) Expire(*lane.Timer) {
	if s.p.sweeper.Load() != s {
		return
	}
	now := s.engine.Clock().Wall()
	over := s.p.store.Expire(now)
	for _, k := range over {
		if s.p.chooses(resourceKey(k)) {
			s.p.changed(k)
		} else { // another node says it to scripts and phones
			s.p.contents.forget(k)
			s.p.tell(k)
		}
	}
	if k := s.p.keeper; k != nil && len(over) > 0 {
		s.lane.Await(func() {
			if err := k.forget(now); err != nil {
				s.engine.Log().Error("publications that are over can't be removed", "error", err)
			}
		})
	}
	for _, v := range s.p.lamps.view.sweep(now) {
		v.tell(calls.Terminated, "timeout", 0)
	}
	for _, aor := range s.p.lamps.sweep(now) {
		s.p.contents.forget(eventstate.Key{Package: PackageDialog, AOR: aor})
		s.p.shared.lamp(aor)
	}
	s.lane.After(sweepEvery, &s.timer, s)
}
