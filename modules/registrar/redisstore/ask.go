package redisstore

// This file asks Redis: within time limits, and not at all while it is known to be unavailable.

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/sipscript/sipscript/modules/clients/redis"
)

const (
	// knockEvery is how often it is tried whether Redis is back.
	knockEvery = 500 * time.Millisecond
	// tries is how often a question is put if its connection broke; all questions may be repeated.
	tries = 2
)

// ask puts a question whose answer is a string, "" for none.
func (s *Store) ask(ctx context.Context, do func(ctx context.Context) rueidis.RedisResult) (text string, err error) {
	err = s.try(ctx, do, func(res rueidis.RedisResult) error {
		m, err := res.ToMessage()
		switch {
		case rueidis.IsRedisNil(err):
			text, err = "", nil
		case err != nil:
			return err
		case m.IsInt64():
			text = "1"
		default:
			text, err = m.ToString()
		}
		return err
	})
	return text, err
}

// askNumber puts a question whose answer is a number.
func (s *Store) askNumber(ctx context.Context, do func(ctx context.Context) rueidis.RedisResult) (n int64, err error) {
	err = s.try(ctx, do, func(res rueidis.RedisResult) (err error) {
		n, err = res.AsInt64()
		return err
	})
	return n, err
}

func (s *Store) try(ctx context.Context, do func(ctx context.Context) rueidis.RedisResult, read func(rueidis.RedisResult) error) (err error) {
	if s.away.Load() && s.opts.Hub == nil {
		return ErrAway
	}
	bounded, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	for range tries {
		if err = read(do(bounded)); err == nil {
			// The keeper's time is not that of the simulation
			if s.away.Load() && s.opts.Hub != nil {
				s.away.Store(false)
			}
			return nil
		}
		if redis.Refused(err) {
			return fmt.Errorf("redis: %w", err) // it is there, and says no
		}
		if bounded.Err() != nil {
			break
		}
	}
	if ctx.Err() != nil {
		return ctx.Err() // the caller's end says nothing about Redis
	}
	s.gone(err)
	return fmt.Errorf("%w: %w", ErrAway, err)
}

// gone notes that Redis is unavailable, and calls the keeper.
func (s *Store) gone(err error) {
	if s.away.Swap(true) {
		return
	}
	s.opts.Log.Error("redis is unavailable: registrations are answered 503, and lookups from the cache", "error", err)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// keep tries, while Redis is unavailable, whether it is back. It passes on that changes by others
// may have been missed.
func (s *Store) keep() {
	defer close(s.ended)
	knock := time.NewTicker(knockEvery)
	defer knock.Stop()
	for {
		select {
		case <-s.wake:
		case <-s.lost:
			s.tell("")
		case <-s.stop:
			return
		}
		for s.away.Load() {
			select {
			case <-knock.C:
			case <-s.stop:
				return
			}
			if s.back() {
				s.away.Store(false)
				s.opts.Log.Info("redis is available again")
				s.tell("") // those who looked in the meantime saw what is remembered
			}
		}
	}
}

// back reports whether Redis can be written to again.
func (s *Store) back() bool {
	ctx, cancel := context.WithTimeout(context.Background(), s.opts.Patience)
	defer cancel()
	// This removes nothing, but a server that accepts no writes refuses it.
	return s.client.Do(ctx, s.client.B().Zrem().Key(endsKey).Member("").Build()).Error() == nil
}

// invalidated is called by the client when other connections have changed keys, with nil if it
// cannot know which: the connection was lost. It is called where answers are read, and does not
// block.
func (s *Store) invalidated(keys []rueidis.RedisMessage) {
	if keys == nil {
		s.cache.lost()
		select {
		case s.lost <- struct{}{}:
		default:
		}
		return
	}
	for i := range keys {
		key, err := keys[i].ToString()
		if err != nil {
			continue
		}
		aor, ok := strings.CutPrefix(key, prefix)
		if !ok {
			continue
		}
		s.cache.changed(aor)
		s.tell(aor)
	}
}

// tell reports that another process has changed aor, "" for any.
func (s *Store) tell(aor string) {
	if f := s.changed.Load(); f != nil {
		(*f)(aor)
	}
}
