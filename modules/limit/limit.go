// Package limit bounds how often something happens: by any key for scripts, by source for everybody
// who sends, and in all. Who floods or scans is banned for a while, and not heard.
//
// A Go program makes a [Limit] with [New], says what counts by [Limit.Use], and gives it to the
// engine as a part. The counters are in package bucket.
package limit

// This file is the Limit itself: its parts, its life, and the counting by key.

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/redis"
	"github.com/sipscript/sipscript/modules/clients/redisset"
	"github.com/sipscript/sipscript/modules/limit/bucket"
	"github.com/sipscript/sipscript/modules/trust"
)

const (
	mostKeys    = 1_000_000 // of scripts
	mostSources = 1 << 18   // counted for floods
	mostKnown   = 1 << 18   // sources with a binding or a call
)

// Options of New. The zero value counts in this process alone, and knows no lists.
type Options struct {
	Log *slog.Logger // nil: nothing is logged
	// Lists returns what has the lists that exempt senders; nil: there are none.
	Lists func() trust.Lists
	// Share is where nodes share what they count; nil: they don't.
	Share   Share
	AtOnce  bool          // each decision is told to Share before the next: for simulations
	Redis   *redis.Client // where nodes that share share their bans; nil: nowhere
	Clients *clients.Pool // of a list of scanners in a database; nil: it can't be in one
	Data    string        // the directory where that list is kept for a start without the database
}

// Limit is the counters and bans of a process. It is safe for concurrent use.
type Limit struct {
	o       Options
	keys    *bucket.Table
	sources *bucket.Table
	known   *bucket.Table
	bans    *bans
	engine  atomic.Pointer[attached]
	serving atomic.Pointer[policy]
	script  luabind.Events[Event]
	shared  *shared // nil: nothing is shared

	together *redisset.Set // of bans; nil: they are not shared
	begin    sync.Once     // of together
	banning  sync.Mutex    // held by who begins or ends a ban: the others are told in that order

	passed, refused, flooded, total atomic.Uint64
}

// attached is an engine with what undoes being attached to it.
type attached struct {
	*engine.Engine
	remove func()
}

// New makes a Limit that bounds nothing by itself.
func New(o Options) *Limit {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clients == nil {
		o.Clients = newClients()
	}
	if o.Lists == nil {
		o.Lists = func() trust.Lists { return nil }
	}
	l := &Limit{o: o, keys: bucket.New(mostKeys), sources: bucket.New(mostSources), known: bucket.New(mostKnown), bans: newBans()}
	l.serving.Store(&policy{})
	if o.Share != nil {
		l.shared = newShared(l.keys, o.Share, o.AtOnce, o.Log)
		now := l.clock
		l.shared.now.Store(&now)
	}
	if o.Redis != nil {
		l.shareBans(o.Redis)
	}
	return l
}

// Attach makes the limits of sources count.
func (l *Limit) Attach(e *engine.Engine) error {
	if old := l.engine.Swap(&attached{e, e.AddGate(gate{l})}); old != nil {
		old.remove()
	}
	return nil
}

// Close ends what runs.
func (l *Limit) Close() error {
	if l.together != nil {
		l.together.Close()
	}
	if l.shared != nil {
		l.shared.close()
	}
	return nil
}

// Intercept refuses new calls beyond the total.
func (l *Limit) Intercept(req *engine.Request) (taken bool, err error) {
	p := l.serving.Load()
	if p.Total == nil || req.Method() != message.MethodInvite || req.InDialog() {
		return false, nil
	}
	res := l.sources.Take(l.sources.Key("calls"), p.calls, l.clock())
	if res.OK {
		return false, nil
	}
	l.total.Add(1)
	return true, refuse(req, res.Retry)
}

// refuse answers 503. Callers come back spread over some seconds.
func refuse(req *engine.Request, retry time.Duration) error {
	seconds := int(retry/time.Second) + 1 + rand.IntN(5)
	_, err := req.Reply(503, "", &engine.ReplyOptions{Headers: []engine.HeaderEdit{{Name: "Retry-After", Values: []string{strconv.Itoa(seconds)}}}})
	return err
}

// clock is the time since some moment, in nanoseconds: the engine's.
func (l *Limit) clock() int64 {
	if e := l.engine.Load(); e != nil {
		return int64(e.Clock().Now()) + int64(time.Hour) // 0 is not a time
	}
	return time.Now().UnixNano()
}

// Rate takes a token from the bucket of a key, which gets n tokens in each per and holds burst, or
// n if that is 0. If there is none, retry is after how long there will be.
func (l *Limit) Rate(key string, n float64, per time.Duration, burst int) (ok bool, retry time.Duration) {
	r := bucket.RateOf(n, per, burst)
	k := l.keys.Key(key, 1, uint64(r.Interval), uint64(r.Burst))
	res := l.keys.Take(k, r, l.clock())
	if res.First && l.sharing() {
		l.shared.took(k, &sharedKey{name: key, rate: r})
	}
	return l.counted(res)
}

// Window counts one in the window of a key, which is per long and begins with the first, unless
// there are n already. Then retry is how long the window lasts.
func (l *Limit) Window(key string, n int, per time.Duration) (ok bool, retry time.Duration) {
	k := l.keys.Key(key, 2, uint64(n), uint64(per))
	res := l.keys.Count(k, n, per, l.clock())
	if res.First && l.sharing() {
		l.shared.took(k, &sharedKey{name: key, most: n, per: per})
	}
	return l.counted(res)
}

func (l *Limit) counted(res bucket.Result) (ok bool, retry time.Duration) {
	if res.OK {
		l.passed.Add(1)
	} else {
		l.refused.Add(1)
	}
	return res.OK, res.Retry
}

func (l *Limit) sharing() bool { return l.shared != nil && l.serving.Load().Shared }

// ErrArgument is the error, wrapped, of a rate or a window that makes no sense.
var ErrArgument = errors.New("limit")

// check returns what is wrong with n in per.
func check(n float64, per time.Duration) error {
	switch {
	case math.IsNaN(n) || n <= 0 || n > 1e9:
		return fmt.Errorf("%w: n must be more than 0 and at most 1e9, not %v", ErrArgument, n)
	case per < time.Millisecond || per > 366*24*time.Hour:
		return fmt.Errorf("%w: per must be a millisecond to a year, in seconds, not %v", ErrArgument, per.Seconds())
	}
	return nil
}
