package limit

// Sharing by Redis.

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/sipscript/sipscript/modules/clients"
	client "github.com/sipscript/sipscript/modules/clients/redis"
)

// The scripts return what all have counted, in Redis' own time: nodes need not have the same. A
// bucket may be in debt by a minute.
const (
	rateScript = `local t = redis.call('TIME')
local now, step = t[1] * 1000000 + t[2], tonumber(ARGV[1])
local at = tonumber(redis.call('GET', KEYS[1]) or now)
if at < now then at = now end
at = math.min(at + ARGV[3] * step, now + ARGV[2] * step + 60000000)
if at - now >= 1 then redis.call('SET', KEYS[1], string.format('%.0f', at), 'PX', string.format('%.0f', math.ceil((at - now) / 1000))) end
return string.format('%.0f', at - now)`
	windowScript = `local n = redis.call('INCRBY', KEYS[1], ARGV[2])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) left = tonumber(ARGV[1]) end
return { n, left }`
)

// redisShare is a Share.
type redisShare struct {
	c            *client.Client
	rate, window string // hashes of the scripts
}

// OpenRedis shares by the server with a URL. It connects with the first batch.
func OpenRedis(pool *clients.Pool, url string) (Share, error) {
	c, err := client.Open(pool, url, syncTime)
	if err != nil {
		return nil, err
	}
	return &redisShare{c, hashOf(rateScript), hashOf(windowScript)}, nil
}

func hashOf(script string) string {
	sum := sha1.Sum([]byte(script))
	return hex.EncodeToString(sum[:])
}

// Close closes the connections.
func (r *redisShare) Close() error { return r.c.Close() }

// command is the script's call for an item. What a key counts is part of its name, so that it can't
// be something else.
func (r *redisShare) command(i *Item) []string {
	if i.Rate != nil {
		step := max(1, i.Rate.Interval.Microseconds())
		return []string{"EVALSHA", r.rate, "1", fmt.Sprintf("sipscript:limit:r:%d:%d:%s", step, i.Rate.Burst, i.Name), strconv.FormatInt(step, 10),
			strconv.Itoa(i.Rate.Burst), strconv.Itoa(i.Count)}
	}
	return []string{"EVALSHA", r.window, "1", fmt.Sprintf("sipscript:limit:w:%d:%d:%s", i.Most, i.Per.Milliseconds(), i.Name),
		strconv.FormatInt(i.Per.Milliseconds(), 10), strconv.Itoa(i.Count)}
}

// Sync implements Share. What a server has not counted because it does not know the scripts yet, is
// loading its file, or may not write, is to be told again.
func (r *redisShare) Sync(ctx context.Context, items []Item) ([]State, error) {
	commands := make([][]string, len(items))
	for i := range items {
		commands[i] = r.command(&items[i])
	}
	answers, err := r.c.Pipeline(ctx, commands...)
	if err != nil {
		return nil, err
	}
	states := make([]State, len(items))
	var unknown []int // to a server that was started again, or is new in a cluster
	for i := range items {
		if states[i] = stateOf(&items[i], &answers[i]); noScript(states[i].Err) {
			unknown = append(unknown, i)
		}
	}
	if len(unknown) == 0 {
		return states, nil
	}
	commands = commands[:0]
	for _, i := range unknown {
		commands = append(commands, r.command(&items[i]))
	}
	if err = r.load(ctx); err == nil {
		answers, err = r.c.Pipeline(ctx, commands...)
	}
	for n, i := range unknown {
		if err != nil { // of the others it is known what was counted
			states[i] = State{Err: err, Again: true}
		} else {
			states[i] = stateOf(&items[i], &answers[n])
		}
	}
	return states, nil
}

// load has the servers know the scripts: of a cluster, all of them. One that can't be reached is
// not waited for: its keys tell.
func (r *redisShare) load(ctx context.Context) error {
	return r.c.With(ctx, func(ctx context.Context, c rueidis.Client) error {
		for _, node := range c.Nodes() {
			for _, text := range []string{rateScript, windowScript} {
				_ = node.Do(ctx, node.B().ScriptLoad().Script(text).Build()).Error()
			}
		}
		return nil
	})
}

func noScript(err error) bool { return err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT") }

var errAnswer = errors.New("limit: Redis answers something else")

// stateOf is what the server has answered for an item.
func stateOf(i *Item, a *rueidis.RedisResult) State {
	s, err := read(i, a)
	if err != nil {
		return State{Err: err, Again: client.Down(err) || noScript(err)}
	}
	return s
}

func read(i *Item, a *rueidis.RedisResult) (s State, err error) {
	if i.Rate != nil {
		text, err := a.ToString()
		if err != nil {
			return s, err
		}
		n, err := strconv.ParseInt(text, 10, 64)
		s.Left = time.Duration(n) * time.Microsecond
		return s, err
	}
	list, err := a.AsIntSlice()
	if err != nil {
		return s, err
	}
	if len(list) != 2 {
		return s, errAnswer
	}
	return State{Count: int(list[0]), Left: time.Duration(list[1]) * time.Millisecond}, nil
}
