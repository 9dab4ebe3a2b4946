// Package dictredis keeps dictionaries of sip.shared in Redis, where several processes share them.
//
// Each process remembers what it has read, and Redis reports what others change, so that most reads
// ask nobody. Every change is made by a script in Redis, and is atomic for all processes.
//
// What is remembered is used only while it is known to be current: at most [Fresh] ago Redis said,
// on the connection that reports changes, that it is the same server as when the value was read.
package dictredis

// This file opens dictionaries, and follows the connection.

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/sipscript/sipscript/luabind/dict"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/redis"
)

// Options of Open. The zero value will do.
type Options struct {
	Patience time.Duration    // bounds each wait for Redis, default 2 s
	Fresh    time.Duration    // default [Fresh]
	Now      func() time.Time // default time.Now
	Log      *slog.Logger     // says that a server does not report changes; default: nobody
}

// Fresh is how old a value that is read may be, while Redis is there or not.
const Fresh = 2 * time.Second

const (
	// quiet is for how long a dictionary that nobody reads is still followed
	quiet = 10 * time.Second

	// memory bounds what is remembered of all dictionaries
	memory = 256 << 20
)

// Set is the dictionaries in one server or cluster.
type Set struct {
	client *redis.Client
	opts   Options
	base   time.Time    // times are nanoseconds since then, on the clock that is never set
	bytes  atomic.Int64 // of all that is remembered
	counts counts

	scripts struct{ change, keys, flush *rueidis.Lua }

	epoch atomic.Uint64           // counts lost connections
	one   atomic.Pointer[session] // of all dictionaries, where they are on one server

	mu    sync.Mutex
	dicts map[string]*Dict // by escaped name; guarded by mu

	begun sync.Once // with the first dictionary
	told  sync.Once // that the server doesn't report changes
	ctx   context.Context
	stop  context.CancelFunc
	done  sync.WaitGroup
}

var _ dict.Shared = (*Set)(nil)

// session is a time in which one server reported all changes.
type session struct {
	run       string       // the server's name for its life
	over      atomic.Bool  // changes may have been missed since
	confirmed atomic.Int64 // until when none was missed
	last      atomic.Int64 // when the newest question to that end was asked
}

// Open makes the dictionaries that are in the server of a URL: see [redis.Options]. It does not
// connect.
func Open(p *clients.Pool, url string, o Options) (*Set, error) {
	if o.Fresh <= 0 {
		o.Fresh = Fresh
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Set{opts: o, base: o.Now(), dicts: map[string]*Dict{}}
	s.scripts.change, s.scripts.keys, s.scripts.flush = changeScript(), keysScript(), flushScript()
	s.ctx, s.stop = context.WithCancel(context.Background())
	var err error
	s.client, err = redis.OpenTracking(p, "dictionaries", url, o.Patience, redis.Tracking{Prefix: valuePrefix, Changed: s.changed})
	if err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// Close ends the connection.
func (s *Set) Close() error {
	s.stop()
	s.done.Wait()
	return s.client.Close()
}

// Name is the URL without its password.
func (s *Set) Name() string { return s.client.Name() }

// Remote implements dict.Shared.
func (s *Set) Remote(name string, o dict.RemoteOptions) (dict.Remote, error) {
	escaped := url.QueryEscape(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.dicts[escaped]
	if d == nil {
		if len(s.dicts) >= dict.MaxDicts {
			return nil, fmt.Errorf("more than %d dictionaries", dict.MaxDicts)
		}
		d = newDict(s, escaped, o)
		s.dicts[escaped] = d
	} else {
		d.limit(o)
	}
	s.begun.Do(func() { s.done.Go(s.follow) })
	return d, nil
}

func (s *Set) now() int64 { return int64(s.opts.Now().Sub(s.base)) + 1 }

// changed is told what others have changed, nil for anything.
func (s *Set) changed(keys []string) {
	if keys == nil {
		s.epoch.Add(1)
		s.mu.Lock()
		defer s.mu.Unlock()
		end(&s.one)
		for _, d := range s.dicts {
			end(&d.own)
		}
		return
	}
	now := s.now()
	for _, key := range keys {
		name, key, ok := strings.Cut(strings.TrimPrefix(key, valuePrefix), tagEnd)
		if !ok {
			continue
		}
		s.mu.Lock()
		d := s.dicts[name]
		s.mu.Unlock()
		if d != nil {
			d.copy.changed(key, now)
		}
	}
}

func end(p *atomic.Pointer[session]) {
	if x := p.Swap(nil); x != nil {
		x.over.Store(true)
	}
}

// pulse is a question that shows how current what is remembered is: on which server is the
// dictionary? Its answer comes after all reports of changes that were made before a pulse whose
// answer had come when this one was sent.
type pulse struct {
	d      *Dict
	at     int64
	epoch  uint64
	in     *session
	before int64 // when the newest pulse was sent that had been answered
}

func (s *Set) pulse(d *Dict) pulse {
	p := pulse{d: d, at: s.now(), epoch: s.epoch.Load(), in: d.session.Load()}
	if p.in != nil {
		p.before = p.in.last.Load()
	}
	return p
}

func (p *pulse) command(r rueidis.Client) rueidis.Completed {
	return r.B().Eval().Script(pulseScript).Numkeys(1).Key(p.d.values).Build()
}

// felt takes the answer to a pulse.
func (s *Set) felt(p *pulse, answer rueidis.RedisResult) {
	text, err := answer.ToString()
	if err != nil {
		return
	}
	_, run, _ := strings.Cut(text, "run_id:")
	run, _, _ = strings.Cut(run, "\r\n")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch.Load() != p.epoch || run == "" {
		return
	}
	x := p.d.session.Load()
	if x == nil || x.run != run {
		end(p.d.session)
		x = &session{run: run}
		x.confirmed.Store(p.at)
		p.d.session.Store(x)
	} else if x == p.in && p.before > x.confirmed.Load() {
		x.confirmed.Store(p.before)
	}
	x.last.Store(max(p.at, x.last.Load()))
}

// tracks reports whether the server reports changes.
func (s *Set) tracks() bool {
	if s.client.Tracks() {
		return true
	}
	s.told.Do(func() {
		s.opts.Log.Warn("the server does not report changes: each read of a dictionary asks it", "server", s.client.Name())
	})
	return false
}

// follow asks, again and again, whether what is remembered is current. It ends with Close.
func (s *Set) follow() {
	tick := time.NewTicker(s.opts.Fresh / 4)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.ask()
		case <-s.ctx.Done():
			return
		}
	}
}

// ask asks for the dictionaries that are read. An error is found by whoever reads next.
func (s *Set) ask() {
	now := s.now()
	var list []*Dict
	s.mu.Lock()
	for _, d := range s.dicts {
		if used := d.used.Load(); used != 0 && now-used < int64(quiet) {
			list = append(list, d)
			if !s.client.IsCluster() { // they are all on one server
				break
			}
		}
	}
	s.mu.Unlock()
	if len(list) == 0 {
		return
	}
	_ = s.client.With(s.ctx, func(ctx context.Context, r rueidis.Client) error {
		if !s.tracks() {
			return nil
		}
		var pulses []pulse
		var asked rueidis.Commands
		for _, d := range list {
			p := s.pulse(d)
			pulses, asked = append(pulses, p), append(asked, p.command(r))
		}
		for i, answer := range r.DoMulti(ctx, asked...) {
			if err := answer.Error(); err != nil {
				return err
			}
			s.felt(&pulses[i], answer)
		}
		return nil
	})
}
