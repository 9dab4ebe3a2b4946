package redisstore

// This file makes changes: each is a script in Redis that takes it only if nobody came between.

import (
	"context"
	"crypto/sha256"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/sipscript/sipscript/modules/registrar"
)

// swapScript replaces the bindings of an address (KEYS[1]), if they are ARGV[1] ("" for none), by
// ARGV[2], for ARGV[3] milliseconds, and records in KEYS[2] which bindings were removed (ARGV[5] is
// their number; they follow) and which end when (pairs of end and binding). It returns 1, or the
// current value instead.
//
// A script that is repeated (ARGV[4] is not 0) because its answer was lost finds what it had
// written: that counts as written.
func swapScript() *rueidis.Lua {
	return rueidis.NewLuaScript(`
local now = redis.call('GET', KEYS[1]) or ''
if now ~= ARGV[1] and (ARGV[4] == '0' or now ~= ARGV[2]) then return now end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
local n = tonumber(ARGV[5])
if n > 0 then redis.call('ZREM', KEYS[2], unpack(ARGV, 6, 5 + n)) end
if #ARGV > 5 + n then redis.call('ZADD', KEYS[2], unpack(ARGV, 6 + n)) end
return 1`)
}

// Update implements registrar.Store. Redis decides how durable its data is; d has no effect here.
// Errors: change's own, ErrAway, ErrBusy.
func (s *Store) Update(ctx context.Context, aor string, _ registrar.Durability,
	change func(old []*registrar.Binding) ([]*registrar.Binding, error)) error {
	if err := s.turns.take(ctx, aor); err != nil { // processes compete, goroutines need not
		return err
	}
	defer s.turns.give(aor)
	list, _, certain := s.cache.get(aor)
	old := stored{list, s.encode(list)}
	for range attempts {
		now, err := change(old.list)
		if err != nil && certain {
			return err
		}
		if err != nil { // it may be about something that no longer exists
			if old, err = s.read(ctx, aor); err != nil {
				return err
			}
			certain = true
			continue
		}
		done, there, err := s.swap(ctx, aor, &old, now)
		if done || err != nil {
			return err
		}
		old, certain = there, true
		pause(ctx)
	}
	return ErrBusy
}

// pause waits a moment, a different one for each competitor.
func pause(ctx context.Context) {
	t := time.NewTimer(time.Duration(rand.IntN(2000)) * time.Microsecond)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// stored are bindings, and their form in Redis. That is not always what encode makes of the list:
// what this process had written before its last start was not adopted unchanged.
type stored struct {
	list []*registrar.Binding
	text string
}

// swap writes now if old is current; otherwise it returns what is.
func (s *Store) swap(ctx context.Context, aor string, old *stored, now []*registrar.Binding) (done bool, there stored, err error) {
	args := s.swapArgs(aor, old, now)
	look, repeats := s.cache.begin(aor), 0
	value, err := s.ask(ctx, func(ctx context.Context) rueidis.RedisResult {
		args[argRepeats] = strconv.Itoa(repeats)
		repeats++
		return s.script.Exec(ctx, s.client, []string{prefix + aor, endsKey}, args)
	})
	if err == nil && value == "1" {
		s.cache.end(look, now, true, true)
		s.opts.Hub.changed(s, aor)
		return true, there, nil
	}
	if err == nil {
		there.text = value
		there.list, err = s.parse(value)
		s.cache.end(look, there.list, err == nil, false)
		return false, there, err
	}
	s.cache.end(look, nil, false, true) // it may have been written
	return false, there, err
}

// argRepeats is the index of ARGV[4].
const argRepeats = 3

func (s *Store) swapArgs(aor string, old *stored, now []*registrar.Binding) []string {
	// A time to live rather than a time of day, and the time granted rather than what is left of
	// it: the clock of Redis may differ, and ours may have been set since.
	var lasts time.Duration
	ends := map[string]int64{}
	for _, b := range now {
		ends[member(aor, b)] = b.Expires().UnixMilli()
		lasts = max(lasts, min(b.Expires().Sub(b.Updated()), math.MaxInt64-grace))
	}
	var gone []string
	for _, b := range old.list {
		if m := member(aor, b); !has(ends, m) {
			gone = append(gone, m)
		}
	}
	args := append([]string{old.text, s.encode(now), strconv.FormatInt((lasts + grace).Milliseconds(), 10), "0", strconv.Itoa(len(gone))}, gone...)
	for m, end := range ends {
		args = append(args, strconv.FormatInt(end, 10), m)
	}
	return args
}

func has(ends map[string]int64, m string) bool {
	_, ok := ends[m]
	return ok
}

// memberHash is the length of what follows the address in a member: enough to distinguish the
// bindings of one address.
const memberHash = 12

// member names a binding in the sorted set. One contact may be registered over several flows (RFC
// 5626 §4.2).
func member(aor string, b *registrar.Binding) string {
	text := b.Contact()
	if id := b.RegID(); id != 0 {
		text += "\x00" + b.Instance() + "\x00" + strconv.Itoa(id)
	}
	sum := sha256.Sum256([]byte(text))
	return aor + string(sum[:memberHash])
}

// encode is bindings as they are written: as they mean the same to all processes. None is "".
func (s *Store) encode(list []*registrar.Binding) string {
	if len(list) == 0 {
		return ""
	}
	n := s.node.Load()
	if n == nil {
		return string(registrar.AppendBindings(nil, list))
	}
	out := registrar.AppendBindings(nil, nil)
	for _, b := range list {
		r := b.Record()
		n.Publish(&r)
		out = registrar.AppendRecord(out, &r)
	}
	return string(out)
}

// parse reads what encode wrote, in any process.
func (s *Store) parse(value string) ([]*registrar.Binding, error) {
	if value == "" {
		return nil, nil
	}
	var adopt func(*registrar.Record)
	if n := s.node.Load(); n != nil {
		adopt = n.Adopt
	}
	return registrar.ParseBindings([]byte(value), adopt)
}
