package redisset

// What is said to Redis. A hash has the entries, by ":" and their key, as "AT ENDS GONE VALUE", AT
// with 19 digits; in it are also "", the epoch, which says which data these are, and "!", the
// version of the last change. A sorted set has the keys by the version of their last change,
// another one by their end.

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// putScript takes in changes that are later than what is there. ARGV: what makes an epoch unique,
// the channel, the most entries, and for each its key, at, ends, gone and value. It returns the
// places of those for which there is no room.
var putScript = rueidis.NewLuaScript(`local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('HSETNX', KEYS[1], '', string.format('%.0f', now) .. '-' .. ARGV[1])
for _, f in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, 100)) do
  redis.call('HDEL', KEYS[1], f) redis.call('ZREM', KEYS[2], f) redis.call('ZREM', KEYS[3], f)
end
local full, version = {}, nil
for i = 4, #ARGV, 5 do
  local f, at = ':' .. ARGV[i], ARGV[i + 1]
  local old = redis.call('HGET', KEYS[1], f)
  if not old and redis.call('HLEN', KEYS[1]) - 2 >= tonumber(ARGV[3]) then
    full[#full + 1] = (i - 4) / 5
  elseif not old or string.sub(old, 1, 19) < at then
    version = redis.call('HINCRBY', KEYS[1], '!', 1)
    redis.call('HSET', KEYS[1], f, ARGV[i + 1] .. ' ' .. ARGV[i + 2] .. ' ' .. ARGV[i + 3] .. ' ' .. ARGV[i + 4])
    redis.call('ZADD', KEYS[2], version, f)
    if ARGV[i + 2] == '0' then redis.call('ZREM', KEYS[3], f) else redis.call('ZADD', KEYS[3], ARGV[i + 2], f) end
  end
end
if version then redis.call('PUBLISH', ARGV[2], version) end
return full`)

// sinceScript returns the epoch, the version, and changes after a version of an epoch, each as key,
// version and entry; none and "whole" where all has to be read. ARGV: epoch, version, how many.
var sinceScript = rueidis.NewLuaScriptReadOnly(`local epoch = redis.call('HGET', KEYS[1], '')
if not epoch then return { '', '0', '' } end
local version, seen = tonumber(redis.call('HGET', KEYS[1], '!') or '0'), tonumber(ARGV[2])
local text = string.format('%.0f', version)
if epoch ~= ARGV[1] or version < seen or version > seen and redis.call('ZCARD', KEYS[2]) == 0 then return { epoch, text, 'whole' } end
local out = { epoch, text, '' }
local list = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[2], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[3])
for i = 1, #list, 2 do
  out[#out + 1] = list[i] out[#out + 1] = list[i + 1] out[#out + 1] = redis.call('HGET', KEYS[1], list[i]) or ''
end
return out`)

func (s *Set) keys() []string {
	base := "sipscript:{" + s.o.Name + "}:"
	return []string{base + "entries", base + "changes", base + "ends"}
}

func (s *Set) channel() string { return "sipscript:{" + s.o.Name + "}" }

// listen wakes run when another process has changed something.
func (s *Set) listen(ctx context.Context) {
	for ctx.Err() == nil {
		// Its error is told by who asks every second
		_ = s.o.Client.Subscribe(ctx, func(string, string) {
			select {
			case s.wake <- struct{}{}:
			default:
			}
		}, s.channel())
		select {
		case <-ctx.Done():
		case <-time.After(askEvery):
		}
	}
}

// tell tells what is pending.
func (s *Set) tell(ctx context.Context) error {
	for {
		list := s.next()
		if len(list) == 0 {
			return nil
		}
		args := []string{rand.Text(), s.channel(), strconv.Itoa(Most)}
		var said []*Entry
		for i := range list {
			e := &list[i]
			ends, gone := int64(0), "0"
			if !e.Ends.IsZero() {
				ends = e.Ends.UnixMilli()
			}
			if e.Gone {
				gone = "1"
			} else if value, ok := s.o.Value(e.Key); ok && len(value) <= MostValue {
				e.Value = value
			} else { // it has ended, or is too long
				if s.done(e); ok {
					s.unsaid.Add(1)
				}
				continue
			}
			args = append(args, e.Key, fmt.Sprintf("%019d", e.At), strconv.FormatInt(ends, 10), gone, e.Value)
			said = append(said, e)
		}
		if len(said) == 0 {
			continue
		}
		within, cancel := context.WithTimeout(ctx, askTime)
		m, err := s.o.Client.Script(within, putScript, s.keys(), args)
		cancel()
		if err != nil {
			return err
		}
		full, err := m.AsIntSlice()
		if err != nil {
			return err
		}
		s.unsaid.Add(uint64(len(full)))
		s.told.Add(uint64(len(said) - len(full)))
		for _, e := range said {
			s.done(e)
		}
	}
}

var errAnswer = errors.New("redisset: Redis answers something else")

// hear learns what others have changed.
func (s *Set) hear(ctx context.Context) error {
	for {
		within, cancel := context.WithTimeout(ctx, askTime)
		m, err := s.o.Client.Script(within, sinceScript, s.keys(), []string{s.epoch, strconv.FormatInt(s.version, 10), strconv.Itoa(batch)})
		cancel()
		if err != nil {
			return err
		}
		list, err := m.AsStrSlice()
		if err != nil || len(list) < 3 || len(list)%3 != 0 {
			return errors.Join(errAnswer, err)
		}
		epoch, text, whole := list[0], list[1], list[2] != ""
		version, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return errAnswer
		}
		switch {
		case epoch == "": // Redis has nothing
			s.epoch, s.version = "", 0
			s.again(0, nil)
			return nil
		case whole:
			if err := s.hearAll(ctx, epoch, version); err != nil {
				return err
			}
			continue
		case len(list) == 3:
			s.version = version
			return nil
		}
		var news []Entry
		for i := 3; i < len(list); i += 3 {
			if e, err := parse(list[i], list[i+2]); err == nil {
				news = append(news, e)
			}
			if n, err := strconv.ParseInt(list[i+1], 10, 64); err == nil {
				s.version = max(s.version, n)
			}
		}
		s.take(news)
	}
}

// hearAll reads everything: at the start, and where Redis has other data than before.
func (s *Set) hearAll(ctx context.Context, epoch string, version int64) error {
	there := map[string]int64{}
	for cursor := "0"; ; {
		within, cancel := context.WithTimeout(ctx, askTime)
		m, err := s.o.Client.Call(within, "HSCAN", s.keys()[0], cursor, "COUNT", "1000")
		cancel()
		if err != nil {
			return err
		}
		scan, err := m.AsScanEntry()
		if err != nil {
			return err
		}
		var news []Entry
		for i := 0; i+1 < len(scan.Elements); i += 2 {
			if e, err := parse(scan.Elements[i], scan.Elements[i+1]); err == nil {
				there[e.Key] = e.At
				news = append(news, e)
			}
		}
		s.take(news)
		if scan.Cursor == 0 {
			break
		}
		cursor = strconv.FormatUint(scan.Cursor, 10)
	}
	born, _, _ := strings.Cut(epoch, "-")
	since, err := strconv.ParseInt(born, 10, 64)
	if err != nil {
		return errAnswer
	}
	s.epoch, s.version = epoch, version
	s.again(At(time.UnixMilli(since)), there)
	return nil
}

// again finds what is here and not in Redis, whose data began at a time. It was not told yet, or
// Redis lost it: then it is told. What Redis should have, and does not know to be removed any more,
// was removed long ago: so it is here.
func (s *Set) again(born int64, there map[string]int64) {
	s.o.Lock.Lock()
	defer s.o.Lock.Unlock()
	s.mu.Lock()
	var removed []Entry
	old := At(s.o.Now().Add(-remembered))
	for key, x := range s.known {
		at, has := there[key]
		_, waits := s.pending[key]
		switch {
		case has && at >= x.at:
		case has, born == 0, waits, x.at < born, x.at >= old:
			s.pending[key] = struct{}{}
		default:
			removed = append(removed, Entry{Key: key, Gone: true})
			delete(s.known, key)
		}
	}
	s.mu.Unlock()
	if len(removed) > 0 {
		s.o.Apply(removed)
	}
}

// parse reads an entry.
func parse(field, text string) (e Entry, err error) {
	key, ok := strings.CutPrefix(field, ":")
	part := strings.SplitN(text, " ", 4)
	if !ok || len(part) != 4 {
		return e, errAnswer
	}
	e = Entry{Key: key, Value: part[3], Gone: part[2] == "1"}
	if e.At, err = strconv.ParseInt(part[0], 10, 64); err != nil {
		return e, err
	}
	ends, err := strconv.ParseInt(part[1], 10, 64)
	if ends != 0 {
		e.Ends = time.UnixMilli(ends)
	}
	return e, err
}
