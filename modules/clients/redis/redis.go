// Package redis has the clients of Redis that modules and scripts share: see package clients.
package redis

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/sipscript/sipscript/modules/clients"
)

// Options are those of a client of the server that text names: "redis://user:password@host:6379/0",
// "rediss://…" for TLS, "unix:///path". All waits are bounded by patience; nothing is retried
// automatically, and nothing is cached. Errors omit the URL, which may contain a password.
//
// A cluster is "redis://host?cluster=true&addr=host2:6379"; a master that sentinels know is
// "redis://sentinel:26379?master_set=NAME&addr=sentinel2:26379".
func Options(text string, patience time.Duration) (rueidis.ClientOption, error) {
	text, cluster := withoutCluster(text)
	o, err := rueidis.ParseURL(text)
	if err != nil {
		return o, WithoutURL(err)
	}
	o.ForceSingleClient = o.Sentinel.MasterSet == "" && !cluster
	o.PipelineMultiplex = -1 // one connection, on which all is in order
	o.DisableRetry, o.DisableCache = true, true
	o.ConnWriteTimeout, o.Dialer.Timeout = patience, patience
	return o, nil
}

// withoutCluster takes cluster=true out of a URL: rueidis does not know it.
func withoutCluster(text string) (string, bool) {
	u, err := url.Parse(text)
	if err != nil || !u.Query().Has("cluster") {
		return text, false
	}
	q := u.Query()
	on := q.Get("cluster") == "true"
	q.Del("cluster")
	u.RawQuery = q.Encode()
	return u.String(), on
}

// WithoutURL keeps a password in a URL out of errors.
func WithoutURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// Refused reports whether an error is an answer of a server that is there and says no.
func Refused(err error) bool {
	var e *rueidis.RedisError
	return errors.As(err, &e) && !Down(err)
}

// Down reports whether an answer means that the server cannot serve now: it is loading its file, or
// is not a master, or cannot write.
func Down(err error) bool {
	var e *rueidis.RedisError
	if !errors.As(err, &e) {
		return false
	}
	for _, p := range [...]string{"LOADING", "READONLY", "MASTERDOWN", "MISCONF", "OOM", "NOREPLICAS", "CLUSTERDOWN", "TRYAGAIN", "BUSY"} {
		if strings.HasPrefix(e.Error(), p) {
			return true
		}
	}
	return false
}

// Client talks to a server, and is shared by everybody who opened the same URL. It connects with
// the first command, and again whenever the connection was lost.
type Client struct {
	*clients.Shared[*connector]
	patience time.Duration
}

// connector connects when it is needed.
type connector struct {
	o     rueidis.ClientOption
	track *Tracking                       // nil: no changes are reported
	at    func() (addr string, err error) // see clients.Pool.RedisAt

	mu     sync.Mutex
	client rueidis.Client // guarded by mu; nil before it is connected
	tracks bool           // guarded by mu: the server reports changes
	closed bool           // guarded by mu
}

// Tracking has a server report changes of keys, whoever makes them.
type Tracking struct {
	Prefix string // of the keys
	// Changed is called with keys that were changed, and with nil if any may have been: the
	// connection was lost. It is called where answers are read, in their order: it must not block
	// or send commands.
	Changed func(keys []string)
}

// options adds to o that changes are reported.
func (t *Tracking) options(o rueidis.ClientOption) rueidis.ClientOption {
	o.DisableCache, o.ClientTrackingOptions = false, []string{"BCAST", "PREFIX", t.Prefix}
	o.OnInvalidations = func(list []rueidis.RedisMessage) {
		if list == nil {
			t.Changed(nil)
			return
		}
		keys := make([]string, 0, len(list))
		for i := range list {
			if key, err := list[i].ToString(); err == nil {
				keys = append(keys, key)
			}
		}
		t.Changed(keys)
	}
	return o
}

// Open opens a client. It does not connect. patience bounds each call, default 2 s.
func Open(p *clients.Pool, url string, patience time.Duration) (*Client, error) {
	return open(p, "redis", url, patience, nil)
}

// OpenTracking is Open for a client of its own, to which changes are reported, on the connection
// that answers come on. A pool has one for a kind and a URL.
func OpenTracking(p *clients.Pool, kind, url string, patience time.Duration, t Tracking) (*Client, error) {
	return open(p, kind, url, patience, &t)
}

func open(p *clients.Pool, kind, url string, patience time.Duration, t *Tracking) (*Client, error) {
	if patience <= 0 {
		patience = 2 * time.Second
	}
	s, err := clients.Share(p, kind, url, func() (*connector, func() error, error) {
		o, err := Options(url, patience)
		if err != nil {
			return nil, nil, err
		}
		c := &connector{o: o, track: t, at: func() (string, error) { return p.RedisAt(url) }}
		return c, c.close, nil
	})
	if err != nil {
		return nil, err
	}
	return &Client{s, patience}, nil
}

var errClosed = errors.New("the client was closed")

// get is the connected client. Of several callers one connects and the others wait.
func (c *connector) get() (rueidis.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errClosed
	}
	if c.client != nil {
		return c.client, nil
	}
	o := c.o
	addr, err := c.at()
	if err != nil {
		return nil, err
	}
	if addr != "" {
		o.InitAddress, o.Sentinel, o.ForceSingleClient, o.TLSConfig = []string{addr}, rueidis.SentinelOption{}, true, nil
		o.Username, o.Password, o.SelectDB = "", "", 0
	}
	if c.track != nil {
		client, err := rueidis.NewClient(c.track.options(o))
		if err == nil {
			c.client, c.tracks = client, true
			return client, nil
		}
		if !errors.Is(err, rueidis.ErrNoCache) {
			return nil, WithoutURL(err)
		}
	}
	client, err := rueidis.NewClient(o)
	if err != nil {
		return nil, WithoutURL(err)
	}
	c.client = client
	return client, nil
}

// Tracks reports whether the server reports changes. It is known once a call has been answered.
func (c *Client) Tracks() bool {
	k := c.Shared.Client
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.tracks
}

// IsCluster reports whether keys are on several servers.
func (c *Client) IsCluster() bool {
	o := &c.Shared.Client.o
	return !o.ForceSingleClient && o.Sentinel.MasterSet == ""
}

func (c *connector) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.client != nil {
		c.client.Close()
	}
	return nil
}

// With calls f with the connected client, within the patience. If f returns an error of the
// network, or an answer that is [Down], the server counts as unavailable.
func (c *Client) With(ctx context.Context, f func(ctx context.Context, r rueidis.Client) error) error {
	return c.Do(ctx, c.patience, Down, func(ctx context.Context) error {
		r, err := c.Shared.Client.get()
		if err != nil {
			return err
		}
		return f(ctx, r)
	})
}

// Call sends one command, such as ("GET", key). A nil answer is not an error: see Message.IsNil.
func (c *Client) Call(ctx context.Context, command string, args ...string) (m rueidis.RedisMessage, err error) {
	err = c.With(ctx, func(ctx context.Context, r rueidis.Client) error {
		m, err = r.Do(ctx, r.B().Arbitrary(command).Args(args...).Build()).ToMessage()
		if rueidis.IsRedisNil(err) {
			return nil
		}
		return err
	})
	return m, err
}

// Pipeline sends commands at once, and has their answers in the same order. An error of one command
// is in its answer; the error returned is that of the connection.
func (c *Client) Pipeline(ctx context.Context, commands ...[]string) (answers []rueidis.RedisResult, err error) {
	for i, words := range commands {
		if len(words) == 0 {
			return nil, fmt.Errorf("command %d is empty", i+1)
		}
	}
	err = c.With(ctx, func(ctx context.Context, r rueidis.Client) error {
		built := make(rueidis.Commands, len(commands))
		for i, words := range commands {
			built[i] = r.B().Arbitrary(words[0]).Args(words[1:]...).Build()
		}
		answers = r.DoMulti(ctx, built...)
		for _, a := range answers {
			if err := a.NonRedisError(); err != nil {
				return err
			}
		}
		return nil
	})
	return answers, err
}

// Script runs a script on the server, where it is kept under its hash. A nil answer is not an
// error.
func (c *Client) Script(ctx context.Context, script *rueidis.Lua, keys, args []string) (m rueidis.RedisMessage, err error) {
	err = c.With(ctx, func(ctx context.Context, r rueidis.Client) error {
		m, err = script.Exec(ctx, r, keys, args).ToMessage()
		if rueidis.IsRedisNil(err) {
			return nil
		}
		return err
	})
	return m, err
}

// Subscribe calls f for each message of the channels, until ctx ends or the connection is lost; its
// error says which. f is called where answers are read: it must not block or send commands.
func (c *Client) Subscribe(ctx context.Context, f func(channel, message string), channels ...string) error {
	var r rueidis.Client
	err := c.With(ctx, func(context.Context, rueidis.Client) (err error) {
		r, err = c.Shared.Client.get()
		return err
	})
	if err != nil {
		return err
	}
	return r.Receive(ctx, r.B().Subscribe().Channel(channels...).Build(), func(m rueidis.PubSubMessage) { f(m.Channel, m.Message) })
}
