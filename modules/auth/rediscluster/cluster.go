// Package rediscluster makes several processes accept each other's challenges, through a Redis
// server: it holds the secrets that nonces are made with, each created by whichever process first
// finds the last one old, and who has claimed a nonce.
package rediscluster

// This file is the cluster as package auth sees it, and the goroutine that keeps its secrets up to
// date.

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/sipscript/sipscript/modules/auth"
	"github.com/sipscript/sipscript/modules/clients/redis"
)

// Options of Open. The zero value will do.
type Options struct {
	Rotation time.Duration // how long a secret is used, default 1 h
	// How long before its use a secret is created, so that all processes know it by then; default 1
	// min
	Lead     time.Duration
	Every    time.Duration // how often it is looked for new ones, default 10 s
	Patience time.Duration // bounds each wait for Redis, default 2 s
	Log      *slog.Logger  // reports that Redis is unavailable, or available again; default: nobody
}

const (
	// keep is how long a secret is known after its time: as long as nonces may live.
	keep = 24 * time.Hour
	// knockEvery is how often it is tried whether Redis is back.
	knockEvery = 500 * time.Millisecond
)

// The keys. The braces keep them together in a Redis Cluster.
const (
	// A line for each: number, begin in milliseconds since 1970, key in hexadecimal digits
	secretsKey = "sipscript:{auth}:secrets"
	// Then the nonce; its value is the process that claimed it
	noncesKey = "sipscript:{auth}:nonce:"
)

// ErrAway is why a nonce can't be claimed while Redis can't be reached.
var ErrAway = errors.New("redis is unavailable")

// errForgot: Redis has lost its secrets, and with them who claimed what. Until it has new ones it
// is treated as unavailable.
var errForgot = errors.New("redis has lost its data")

// Cluster is an auth.Cluster in a Redis server, version 6.2 or above.
type Cluster struct {
	client  rueidis.Client
	opts    Options
	node    string // identifies this process
	rotate  *rueidis.Lua
	claim   *rueidis.Lua
	secrets atomic.Pointer[auth.ClusterSecrets]
	away    atomic.Bool   // the last attempt failed; then only the keeper asks
	wake    chan struct{} // capacity 1: the keeper should check now
	stop    chan struct{} // closed by Close
	ended   chan struct{} // closed when the keeper has ended
}

var _ auth.Cluster = (*Cluster)(nil)

// Open connects to the server that url names: "redis://user:password@host:6379/0", "rediss://…" for
// TLS, "unix:///path". Errors: url makes no sense, or the server can't be reached.
func Open(url string, o Options) (*Cluster, error) {
	o.Rotation, o.Lead, o.Every = orElse(o.Rotation, time.Hour), orElse(o.Lead, time.Minute), orElse(o.Every, 10*time.Second)
	o.Patience = orElse(o.Patience, 2*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c, err := redis.Options(url, o.Patience)
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	x := &Cluster{opts: o, rotate: rueidis.NewLuaScript(rotateScript), claim: rueidis.NewLuaScript(claimScript), wake: make(chan struct{}, 1),
		stop: make(chan struct{}), ended: make(chan struct{})}
	node := make([]byte, 12)
	rand.Read(node)
	x.node = base64.RawURLEncoding.EncodeToString(node)
	if x.client, err = rueidis.NewClient(c); err != nil {
		return nil, fmt.Errorf("redis: %w", redis.WithoutURL(err))
	}
	if err := x.refresh(); err != nil {
		x.client.Close()
		return nil, fmt.Errorf("redis: %w", err)
	}
	go x.keep() // ends with Close
	return x, nil
}

// Close ends the connection. The cluster continues with the last known secrets, as if Redis were
// unavailable.
func (x *Cluster) Close() error {
	x.away.Store(true)
	close(x.stop)
	<-x.ended
	x.client.Close()
	return nil
}

// Secrets implements auth.Cluster.
func (x *Cluster) Secrets() (*auth.ClusterSecrets, bool) { return x.secrets.Load(), !x.away.Load() }

// Claim implements auth.Cluster.
func (x *Cluster) Claim(ctx context.Context, secret uint32, nonce [12]byte, life time.Duration) (bool, error) {
	if x.away.Load() {
		return false, ErrAway
	}
	bounded, cancel := context.WithTimeout(ctx, x.opts.Patience)
	defer cancel()
	keys := []string{secretsKey, noncesKey + base64.RawURLEncoding.EncodeToString(nonce[:])}
	n, err := x.claim.Exec(bounded, x.client, keys, []string{strconv.FormatUint(uint64(secret), 10), x.node, strconv.FormatInt(max(life.Milliseconds(), 1), 10)}).AsInt64()
	switch {
	case err == nil && n < 0:
		x.gone(errForgot)
		return false, nil
	case err == nil:
		return n == 1, nil
	case ctx.Err() == nil: // the caller's end says nothing about Redis
		x.gone(err)
	}
	return false, fmt.Errorf("%w: %w", ErrAway, err)
}

// gone notes that Redis is unavailable.
func (x *Cluster) gone(err error) {
	x.noteAway(err)
	x.look()
}

// look makes the keeper check at once.
func (x *Cluster) look() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// keep checks for new secrets and, while Redis is unavailable, whether it is back.
func (x *Cluster) keep() {
	defer close(x.ended)
	timer := time.NewTimer(x.opts.Every)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-x.wake:
		case <-x.stop:
			return
		}
		next := x.opts.Every
		if err := x.refresh(); err != nil {
			next = knockEvery
			x.noteAway(err) // not gone: that would wake this loop
		} else if x.away.Load() && !x.stopped() {
			x.away.Store(false)
			x.opts.Log.Info("redis is available again: challenges are valid for the whole cluster")
		}
		timer.Reset(next)
	}
}

func (x *Cluster) noteAway(err error) {
	if !x.away.Swap(true) {
		x.opts.Log.Warn("redis is unavailable: challenges are valid only for this process", "error", err)
	}
}

func (x *Cluster) stopped() bool {
	select {
	case <-x.stop:
		return true
	default:
		return false
	}
}

// refresh reads the secrets, and creates a new one if the last one is old.
func (x *Cluster) refresh() error {
	ctx, cancel := context.WithTimeout(context.Background(), x.opts.Patience)
	defer cancel()
	fresh := make([]byte, 36)
	rand.Read(fresh)
	// After a loss of memory no number should come again
	first := uint32(fresh[0])<<16 | uint32(fresh[1])<<8 | uint32(fresh[2])
	text, err := x.rotate.Exec(ctx, x.client, []string{secretsKey}, []string{ms(x.opts.Rotation), ms(x.opts.Lead), ms(keep + x.opts.Rotation),
		strconv.FormatUint(uint64(first)+1, 10), hex.EncodeToString(fresh[4:])}).ToString()
	if err != nil {
		return err
	}
	list, err := parse(text)
	if err != nil {
		return err
	}
	if old := x.secrets.Load(); old == nil || !equal(*old, list) {
		x.secrets.Store(&list)
	}
	return nil
}

func ms(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

var errSecrets = errors.New("the secrets in " + secretsKey + " cannot be read")

// parse reads secrets as they are in Redis. Errors don't show them.
func parse(text string) (list auth.ClusterSecrets, err error) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 3 {
			return nil, errSecrets
		}
		number, err1 := strconv.ParseUint(f[0], 10, 31)
		from, err2 := strconv.ParseInt(f[1], 10, 64)
		key, err3 := hex.DecodeString(f[2])
		if err1 != nil || err2 != nil || err3 != nil || len(key) != 32 {
			return nil, errSecrets
		}
		list = append(list, auth.ClusterSecret{Number: uint32(number), From: from, Key: [32]byte(key)})
	}
	if len(list) == 0 {
		return nil, errSecrets
	}
	return list, nil
}

func equal(a, b auth.ClusterSecrets) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func orElse(d, other time.Duration) time.Duration {
	if d <= 0 {
		return other
	}
	return d
}
