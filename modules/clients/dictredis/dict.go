package dictredis

// One dictionary.

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/sipscript/sipscript/luabind/dict"
)

const (
	defaultCapacity = 100_000
	defaultBytes    = 64 << 20
)

// Dict is a dictionary in Redis. It implements dict.Remote.
type Dict struct {
	set    *Set
	values string    // what comes before a key
	keys   [3]string // of values (without a key), of changes, of ends
	copy   *copy

	capacity, ttl, stale atomic.Int64
	used                 atomic.Int64 // when it was read last

	own     atomic.Pointer[session]
	session *atomic.Pointer[session] // own, or that of the set
}

func newDict(s *Set, escaped string, o dict.RemoteOptions) *Dict {
	d := &Dict{set: s, values: valuePrefix + escaped + tagEnd}
	index := indexPrefix + escaped + tagEnd
	d.keys = [3]string{d.values, index + "changes", index + "ends"}
	d.session = &s.one
	if s.client.IsCluster() {
		d.session = &d.own
	}
	d.copy = newCopy(s, defaultCapacity, defaultBytes)
	if o.Capacity != 0 {
		d.copy = newCopy(s, o.Capacity, defaultBytes)
	}
	d.capacity.Store(defaultCapacity)
	d.stale.Store(int64(s.opts.Fresh))
	d.limit(o)
	return d
}

// limit changes its limits.
func (d *Dict) limit(o dict.RemoteOptions) {
	if o.Capacity != 0 && d.capacity.Swap(int64(o.Capacity)) != int64(o.Capacity) {
		d.copy.resize(o.Capacity)
	}
	if o.Bytes != 0 {
		d.copy.bytes.Store(int64(o.Bytes))
	}
	if o.TTL != nil {
		d.ttl.Store(int64(*o.TTL))
	}
	if o.Stale != 0 {
		d.stale.Store(int64(max(o.Stale, d.set.opts.Fresh)))
	}
}

// Peek implements dict.Remote.
func (d *Dict) Peek(key string) (value any, known bool) {
	now := d.set.now()
	if now-d.used.Load() > int64(time.Second) {
		d.used.Store(now)
	}
	value, known = d.copy.current(key, d.session.Load(), now)
	if known {
		d.set.counts.copy.Add(1)
	}
	return value, known
}

// Do implements dict.Remote.
func (d *Dict) Do(ctx context.Context, op *dict.Op) error {
	switch op.Kind {
	case dict.OpGet:
		return d.get(ctx, op)
	case dict.OpLeft:
		_, left, err := d.read(ctx, op.Key)
		op.Done, op.Forever, op.Left = left != gone, left < 0, left
		return err
	case dict.OpKeys:
		return d.list(ctx, op)
	case dict.OpFlush:
		return d.flush(ctx)
	}
	return d.change(ctx, op)
}

func (d *Dict) get(ctx context.Context, op *dict.Op) (err error) {
	op.Value, _, err = d.read(ctx, op.Key)
	if err != nil && ctx.Err() == nil {
		if value, known := d.copy.last(op.Key, d.set.now(), time.Duration(d.stale.Load())); known {
			d.set.counts.stale.Add(1)
			op.Value, err = value, nil
		}
	}
	op.Held = ""
	if op.Value != nil {
		op.Held = dict.Encode(op.Value)
	}
	return err
}

// gone is how long a key has that is not there; another below 0 is for ever.
const gone = time.Duration(math.MinInt64)

// left is a time to live as Redis has it.
func left(ms int64) time.Duration {
	switch {
	case ms == -2:
		return gone
	case ms < 0 || ms > math.MaxInt64/int64(time.Millisecond):
		return -1
	}
	return time.Duration(ms) * time.Millisecond
}

var errAnswer = errors.New("an answer that makes no sense")

// read asks for a value, and how long it has.
func (d *Dict) read(ctx context.Context, key string) (value any, lasts time.Duration, err error) {
	s := d.set
	s.counts.redis.Add(1)
	lasts = gone
	err = s.client.With(ctx, func(ctx context.Context, r rueidis.Client) (err error) {
		q := d.copy.begin(key, d.session.Load(), s.now())
		o := outcome{}
		defer func() {
			o.in = d.session.Load()
			d.copy.end(&q, o, s.now())
		}()
		if value, lasts, err = parsed(d.ask(ctx, r, &q)); err != nil {
			return err
		}
		o.answered, o.value, o.left = true, value, lasts
		return nil
	})
	return value, lasts, err
}

// ask puts the question of a read, and where it is not known which server answers also that.
func (d *Dict) ask(ctx context.Context, r rueidis.Client, q *question) rueidis.RedisResult {
	s := d.set
	read := r.B().Eval().Script(readScript).Numkeys(1).Key(d.values + q.key).Build()
	if !s.tracks() || q.in != nil && q.asked-q.in.last.Load() < int64(s.opts.Fresh)/2 {
		return r.Do(ctx, read)
	}
	p := s.pulse(d)
	answers := r.DoMulti(ctx, p.command(r), read)
	s.felt(&p, answers[0])
	q.in = d.session.Load()
	if s.epoch.Load() != p.epoch { // it may be that of the next connection
		q.in = nil
	}
	return answers[1]
}

// parsed reads the answer of readScript.
func parsed(answer rueidis.RedisResult) (value any, lasts time.Duration, err error) {
	list, err := answer.ToArray()
	if err != nil {
		return nil, gone, err
	}
	if len(list) != 2 {
		return nil, gone, errAnswer
	}
	ms, err := list[1].AsInt64()
	if err != nil {
		return nil, gone, err
	}
	if list[0].IsNil() {
		return nil, gone, nil
	}
	text, err := list[0].ToString()
	if err != nil {
		return nil, gone, err
	}
	value, err = dict.Decode(text)
	return value, left(ms), err
}

// arguments are those of changeScript.
func (d *Dict) arguments(op *dict.Op) []string {
	ttl, keep := op.TTL, false
	what, value, more := "set", "", []string{"", ""}
	if op.Value != nil {
		value = dict.Encode(op.Value)
	}
	switch op.Kind {
	case dict.OpPut:
		what = [...]string{"set", "add", "replace"}[op.When]
	case dict.OpSwap:
		what, more[0] = "swap", op.Held
		keep = ttl < 0
	case dict.OpRemove:
		what, value = "remove", ""
	case dict.OpIncr:
		what, value, keep = "incr", "", true
		more[0], more[1] = number(op.By), number(op.Init)
	}
	if ttl < 0 {
		ttl = time.Duration(d.ttl.Load())
	}
	kept := "0"
	if keep {
		kept = "1"
	}
	lasts := ttl.Milliseconds()
	if ttl > 0 && lasts == 0 {
		lasts = 1
	}
	return append([]string{what, op.Key, value, strconv.FormatInt(lasts, 10), kept, strconv.FormatInt(d.capacity.Load(), 10), d.values}, more...)
}

func number(n float64) string { return dict.EncodeNumber(n)[1:] }

// change changes one key.
func (d *Dict) change(ctx context.Context, op *dict.Op) error {
	s := d.set
	s.counts.writes.Add(1)
	args := d.arguments(op)
	q := d.copy.begin(op.Key, d.session.Load(), s.now())
	o := outcome{wrote: true}
	defer func() {
		o.in = d.session.Load()
		d.copy.end(&q, o, s.now())
	}()
	m, err := s.client.Script(ctx, s.scripts.change, []string{d.values + op.Key, d.keys[1], d.keys[2]}, args)
	if err != nil {
		return err
	}
	list, err := m.ToArray()
	if err != nil || len(list) != 3 {
		return errors.Join(errAnswer, err)
	}
	done, err := list[0].AsInt64()
	if err != nil {
		return err
	}
	text, err := list[1].ToString()
	if err != nil {
		return err
	}
	ms, err := list[2].AsInt64()
	if err != nil {
		return err
	}
	if done < 0 { // the value is not a number
		return nil
	}
	var value any
	if text != "" {
		if value, err = dict.Decode(text); err != nil {
			return err
		}
	}
	o = outcome{answered: true, wrote: done == 1, value: value, left: left(ms)}
	op.Done = done == 1
	switch op.Kind {
	case dict.OpIncr:
		op.Number, _ = value.(float64)
	case dict.OpSwap:
		if !op.Done {
			op.Value, op.Held = value, text
			pause(ctx)
		}
	}
	return nil
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

// list finds all keys, in parts.
func (d *Dict) list(ctx context.Context, op *dict.Op) error {
	found := map[string]struct{}{}
	for next := "0"; ; {
		m, err := d.set.client.Script(ctx, d.set.scripts.keys, d.keys[:], []string{next})
		if err != nil {
			return err
		}
		part, err := m.AsStrSlice()
		if err != nil || len(part) == 0 {
			return errors.Join(errAnswer, err)
		}
		for _, key := range part[1:] {
			found[key] = struct{}{}
		}
		if next = part[0]; next == "0" {
			break
		}
	}
	op.Keys = make([]string, 0, len(found))
	for key := range found {
		op.Keys = append(op.Keys, key)
	}
	return nil
}

// flush removes all keys, in parts.
func (d *Dict) flush(ctx context.Context) error {
	defer d.copy.forget()
	for {
		m, err := d.set.client.Script(ctx, d.set.scripts.flush, d.keys[:], nil)
		if err != nil {
			return err
		}
		if n, err := m.AsInt64(); err != nil || n == 0 {
			return err
		}
	}
}
