package messages

// Messages in Redis, where all servers that share it see them.

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/redis"
)

// Keys. A user's messages are a stream under streamKey with the address after it; usersKey is the
// users who may have some, by the time at which the first message of each is over.
const (
	streamKey = "sipscript:messages:of:"
	usersKey  = "sipscript:messages:users"
	claimKey  = "sipscript:messages:claim:"
)

// keepLonger is how long a stream stays after its last message is over, so that messages are told
// as failed before they are gone.
const keepLonger = 24 * time.Hour

var (
	// KEYS[1] the stream; ARGV: the most, the message, for how many seconds it is kept.
	put = rueidis.NewLuaScript(`
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return false end
local id = redis.call('XADD', KEYS[1], '*', 'm', ARGV[2])
if redis.call('TTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('EXPIRE', KEYS[1], ARGV[3]) end
return id`)
	// KEYS[1] the claim; ARGV: whose it shall be, for how many milliseconds.
	claim = rueidis.NewLuaScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
return 0`)
	// KEYS[1] the claim; ARGV[1] whose it may be.
	release = rueidis.NewLuaScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`)
)

// Redis is a Store in a Redis server.
type Redis struct {
	client *redis.Client
	self   string // this process, in claims
}

// OpenRedis opens a store. self names this process among those that share it. It does not connect.
func OpenRedis(pool *clients.Pool, url, self string) (*Redis, error) {
	c, err := redis.Open(pool, url, 0)
	if err != nil {
		return nil, err
	}
	return &Redis{c, self}, nil
}

// Waits reports that calls may block.
func (*Redis) Waits() bool { return true }

// May is true of everybody: only Redis knows.
func (*Redis) May(string) bool { return true }

// Put keeps a message. The user is noted after it, so that a look at what is over (Overdue), which
// forgets the user first, can't lose it.
func (s *Redis) Put(ctx context.Context, m *Message, most int) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	keep := max(time.Until(m.Expires), 0) + keepLonger
	answer, err := s.client.Script(ctx, put, []string{streamKey + m.AOR}, []string{strconv.Itoa(most), string(text), strconv.Itoa(int(keep.Seconds()))})
	if err != nil {
		return err
	}
	if answer.IsNil() {
		return ErrFull
	}
	if m.ID, err = answer.ToString(); err != nil {
		return err
	}
	return s.note(ctx, m.AOR, m.Expires)
}

// note files a user under a time, unless it is filed under an earlier one.
func (s *Redis) note(ctx context.Context, aor string, at time.Time) error {
	_, err := s.client.Call(ctx, "ZADD", usersKey, "LT", strconv.FormatInt(at.UnixMilli(), 10), aor)
	return err
}

// Pending are the user's messages.
func (s *Redis) Pending(ctx context.Context, aor string, limit int) ([]*Message, error) {
	answer, err := s.client.Call(ctx, "XRANGE", streamKey+aor, "-", "+", "COUNT", strconv.Itoa(limit))
	if err != nil {
		return nil, err
	}
	entries, err := answer.AsXRange()
	if err != nil {
		return nil, err
	}
	list := make([]*Message, 0, len(entries))
	for _, e := range entries {
		m := &Message{ID: e.ID}
		if err := json.Unmarshal([]byte(e.FieldValues["m"]), m); err != nil {
			return nil, fmt.Errorf("messages: %s of %s: %w", e.ID, aor, err)
		}
		m.AOR = aor
		list = append(list, m)
	}
	return list, nil
}

// Remove removes one. The user stays noted until the time of the message is over.
func (s *Redis) Remove(ctx context.Context, m *Message) error {
	_, err := s.client.Call(ctx, "XDEL", streamKey+m.AOR, m.ID)
	return err
}

// Users calls f with each user who has messages.
func (s *Redis) Users(ctx context.Context, f func(aor string) bool) error {
	const page = 1000
	for from := 0; ; from += page {
		answer, err := s.client.Call(ctx, "ZRANGE", usersKey, strconv.Itoa(from), strconv.Itoa(from+page-1))
		if err != nil {
			return err
		}
		list, err := answer.AsStrSlice()
		if err != nil {
			return err
		}
		for _, aor := range list {
			if !f(aor) {
				return nil
			}
		}
		if len(list) < page {
			return nil
		}
	}
}

// Overdue are messages whose time is over. Users are filed under the time of their next message.
func (s *Redis) Overdue(ctx context.Context, now time.Time, limit int) (over []*Message, err error) {
	answer, err := s.client.Call(ctx, "ZRANGE", usersKey, "-inf", strconv.FormatInt(now.UnixMilli(), 10), "BYSCORE", "LIMIT", "0", strconv.Itoa(limit))
	if err != nil {
		return nil, err
	}
	users, err := answer.AsStrSlice()
	if err != nil {
		return nil, err
	}
	for _, aor := range users {
		if _, err := s.client.Call(ctx, "ZREM", usersKey, aor); err != nil {
			return over, err
		}
		list, err := s.Pending(ctx, aor, mostPerUser)
		if err != nil {
			return over, err
		}
		for _, m := range list {
			if now.After(m.Expires) {
				over = append(over, m)
			}
			if err := s.note(ctx, aor, m.Expires); err != nil {
				return over, err
			}
		}
		if len(over) >= limit {
			break
		}
	}
	return over, nil
}

// Count is how many there are: it asks for each user.
func (s *Redis) Count(ctx context.Context) (n int, err error) {
	err = s.Users(ctx, func(aor string) bool {
		answer, e := s.client.Call(ctx, "XLEN", streamKey+aor)
		if e != nil {
			err = e
			return false
		}
		length, _ := answer.AsInt64()
		n += int(length)
		return true
	})
	return n, err
}

// Claim makes this process the one that delivers to a user.
func (s *Redis) Claim(ctx context.Context, aor string, d time.Duration) (bool, error) {
	answer, err := s.client.Script(ctx, claim, []string{claimKey + aor}, []string{s.self, strconv.FormatInt(d.Milliseconds(), 10)})
	if err != nil {
		return false, err
	}
	n, err := answer.AsInt64()
	return n == 1, err
}

// Release ends a claim of this process.
func (s *Redis) Release(ctx context.Context, aor string) error {
	_, err := s.client.Script(ctx, release, []string{claimKey + aor}, []string{s.self})
	return err
}

// Close closes the client.
func (s *Redis) Close() error { return s.client.Close() }
