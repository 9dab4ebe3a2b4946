package redisstore

// This file removes what has expired. Redis forgets whole addresses by itself; the sweep serves the
// events, addresses of which something remains, and the count.

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/sipscript/sipscript/modules/registrar"
)

// sweepBatch is how many bindings are looked at together, sweepRounds how many batches in one
// sweep.
const (
	sweepBatch  = 200
	sweepRounds = 50
)

var errNothing = errors.New("nothing has expired")

// Sweep implements registrar.Store. Of several processes that sweep, the one whose change is
// accepted reports it. An address that cannot be read (another version wrote it) is skipped, and
// the error says so at the end.
func (s *Store) Sweep(ctx context.Context, now time.Time, gone func(aor string, b *registrar.Binding)) (failed error) {
	passed := 0 // members that stay on the list, before all others
	for range sweepRounds {
		due, err := s.due(ctx, now, passed)
		if err != nil || len(due) == 0 {
			return errors.Join(failed, err)
		}
		addresses := map[string][]string{}
		for _, m := range due {
			aor := m[:max(0, len(m)-memberHash)]
			addresses[aor] = append(addresses[aor], m)
		}
		for aor, members := range addresses {
			err := s.sweepOne(ctx, aor, members, now, gone)
			if errors.Is(err, ErrAway) || ctx.Err() != nil {
				return err
			}
			if err != nil {
				passed += len(members)
				failed = fmt.Errorf("%.200q: %w", aor, err)
			}
		}
		if len(due) < sweepBatch {
			break
		}
	}
	return failed
}

// due lists expired bindings, except the first ones.
func (s *Store) due(ctx context.Context, now time.Time, first int) (members []string, err error) {
	err = s.try(ctx, func(ctx context.Context) rueidis.RedisResult {
		return s.client.Do(ctx, s.client.B().Zrangebyscore().Key(endsKey).Min("-inf").Max(strconv.FormatInt(now.UnixMilli(), 10)).Limit(int64(first), sweepBatch).Build())
	}, func(res rueidis.RedisResult) (err error) {
		members, err = res.AsStrSlice()
		return err
	})
	return members, err
}

// sweepOne removes the expired bindings of one address. Members for which the address has no
// binding any more (Redis has forgotten it first) are removed from the list.
func (s *Store) sweepOne(ctx context.Context, aor string, members []string, now time.Time, gone func(aor string, b *registrar.Binding)) error {
	var ended []*registrar.Binding
	err := s.Update(ctx, aor, registrar.Relaxed, func(old []*registrar.Binding) ([]*registrar.Binding, error) {
		ended = nil
		kept := live(old, now)
		if len(kept) == len(old) {
			return nil, errNothing
		}
		for _, b := range old {
			if b.Expires().UnixMilli() <= now.UnixMilli() {
				ended = append(ended, b)
			}
		}
		return kept, nil
	})
	switch {
	case errors.Is(err, errNothing):
		there, err := s.read(ctx, aor)
		if err != nil {
			return err
		}
		return s.unlist(ctx, aor, members, there.list)
	case err != nil:
		return err
	}
	for _, b := range ended {
		gone(aor, b)
	}
	return nil
}

// unlist removes members that do not correspond to any current binding.
func (s *Store) unlist(ctx context.Context, aor string, members []string, there []*registrar.Binding) error {
	real := map[string]bool{}
	for _, b := range there {
		real[member(aor, b)] = true
	}
	var wrong []string
	for _, m := range members {
		if !real[m] {
			wrong = append(wrong, m)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	_, err := s.askNumber(ctx, func(ctx context.Context) rueidis.RedisResult {
		return s.client.Do(ctx, s.client.B().Zrem().Key(endsKey).Member(wrong...).Build())
	})
	return err
}
