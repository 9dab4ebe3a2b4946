//go:build unix

package rediscluster

// This file tests two processes' worth of auth before one Redis server, which is a real one.

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/icholy/digest"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/internal/redistest"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/auth"
)

var source = netip.MustParseAddr("192.0.2.4")

// node is one process.
type node struct {
	t *testing.T
	*auth.Auth
	cluster *Cluster
}

func newNode(t *testing.T, redis *redistest.Server, o Options) *node {
	t.Helper()
	c, err := Open(redis.URL, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	users := auth.Table{"alice": auth.NewPassword("open sesame")}
	return &node{t, luabindtest.Must(auth.New(auth.Options{Key: [32]byte{1}, Cluster: c, Policy: policyOf(func(p *auth.Policy) { p.Users, p.Algorithms = users, []auth.Algorithm{auth.MD5} })})), c}
}

func (n *node) challenge() *digest.Challenge {
	n.t.Helper()
	c, err := digest.ParseChallenge(n.Challenges(auth.Challenge{Realm: "example.com", Source: source, Now: time.Now()})[0])
	if err != nil {
		n.t.Fatal(err)
	}
	return c
}

// answer is a REGISTER with credentials.
func answer(t *testing.T, c *digest.Challenge, count int) string {
	t.Helper()
	creds, err := digest.Digest(c, digest.Options{Method: "REGISTER", URI: "sip:example.com", Username: "alice", Password: "open sesame", Count: count})
	if err != nil {
		t.Fatal(err)
	}
	return "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.4:5060;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=1\r\n" +
		"To: <sip:alice@example.com>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\nAuthorization: " + creds.String() + "\r\nContent-Length: 0\r\n\r\n"
}

func (n *node) check(text string) auth.Reason {
	m := &message.Message{}
	if err := m.Parse([]byte(text), &message.Limits{}); err != nil {
		n.t.Error(err)
	}
	return n.Verify(context.Background(), auth.Question{Message: m, Source: source, Realm: "example.com", Now: time.Now()}).Reason
}

func (n *node) expect(text string, want auth.Reason) {
	n.t.Helper()
	if got := n.check(text); got != want {
		n.t.Errorf("verdict %q, want %q", got, want)
	}
}

// until waits for what comes by itself.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("it never came to pass that %s", what)
		}
	}
}

// The challenge of one is accepted by the other, each of its counts once, and by one of the two
// only.
func TestTwoProcesses(t *testing.T) {
	redis := redistest.Start(t)
	a, b := newNode(t, redis, Options{}), newNode(t, redis, Options{})
	c := a.challenge()
	first := answer(t, c, 1)
	b.expect(first, "")
	b.expect(first, auth.Replay)
	a.expect(first, auth.Stale)
	b.expect(answer(t, c, 2), "")
	a.expect(answer(t, c, 3), auth.Stale) // the client has moved: one more round trip,
	a.expect(answer(t, a.challenge(), 1), "")
	c = a.challenge()
	captured := answer(t, c, 1)
	a.expect(captured, "")
	b.expect(captured, auth.Stale)
	a.expect(answer(t, c, 2), "")
}

// Of many who use the same credentials at both processes at once, one gets through.
func TestRace(t *testing.T) {
	redis := redistest.Start(t)
	a, b := newNode(t, redis, Options{}), newNode(t, redis, Options{})
	for range 20 {
		text := answer(t, a.challenge(), 1)
		var won atomic.Int64
		var group sync.WaitGroup
		for i := range 8 {
			n := []*node{a, b}[i%2]
			group.Go(func() {
				if n.check(text) == "" {
					won.Add(1)
				}
			})
		}
		group.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d got through", won.Load())
		}
	}
}

// Secrets change, all processes change to the same one, and challenges from before are good still.
func TestRotation(t *testing.T) {
	redis := redistest.Start(t)
	quick := Options{Rotation: 200 * time.Millisecond, Lead: 50 * time.Millisecond, Every: 5 * time.Millisecond}
	a, b := newNode(t, redis, quick), newNode(t, redis, quick)
	before := a.challenge()
	past := func(n *node, number int) func() bool {
		return func() bool {
			list, _ := n.cluster.Secrets()
			return len(*list) >= number && (*list)[number-1].From <= time.Now().UnixMilli()
		}
	}
	until(t, "a has a third secret", past(a, 3))
	until(t, "b has it, too", past(b, 3))
	la, _ := a.cluster.Secrets()
	lb, _ := b.cluster.Secrets()
	for i := range 3 {
		if (*la)[i] != (*lb)[i] || i > 0 && ((*la)[i].Number != (*la)[i-1].Number+1 || (*la)[i].Key == (*la)[i-1].Key) {
			t.Errorf("secret %d: %v and %v", i, (*la)[i].Number, (*lb)[i].Number)
		}
	}
	b.expect(answer(t, before, 1), "")
	a.expect(answer(t, b.challenge(), 1), "")
}

// While Redis is unavailable each process goes on by itself, and what it accepted then no other
// accepts later.
func TestAway(t *testing.T) {
	redis := redistest.Start(t)
	a, b := newNode(t, redis, Options{}), newNode(t, redis, Options{})
	known, fresh := a.challenge(), a.challenge()
	a.expect(answer(t, known, 1), "")
	redis.Stop()
	a.expect(answer(t, known, 2), "")         // whose it is was settled
	a.expect(answer(t, fresh, 1), auth.Stale) // it might be another one's
	c := a.challenge()
	captured := answer(t, c, 1)
	a.expect(captured, "")
	b.expect(captured, auth.Stale)
	b.expect(answer(t, fresh, 1), auth.Stale) // which is how b learns of it
	b.expect(answer(t, b.challenge(), 1), "")
	redis.Start()
	for _, n := range []*node{a, b} {
		until(t, "Redis is back", func() bool { _, current := n.cluster.Secrets(); return current })
	}
	b.expect(captured, auth.Stale)
	a.expect(answer(t, c, 2), "")
	b.expect(answer(t, a.challenge(), 1), "")
}

// A Redis that has lost its memory can't say who used what: nothing from before is accepted
// elsewhere.
func TestForgotten(t *testing.T) {
	redis := redistest.Start(t)
	a, b := newNode(t, redis, Options{}), newNode(t, redis, Options{})
	c := a.challenge()
	captured := answer(t, c, 1)
	a.expect(captured, "")
	if err := a.cluster.client.Do(t.Context(), a.cluster.client.B().Flushall().Build()).Error(); err != nil {
		t.Fatal(err)
	}
	b.expect(captured, auth.Stale)
	b.expect(answer(t, b.challenge(), 1), "") // for b alone, or with a new secret
	a.expect(answer(t, c, 2), "")             // a knows what it used
	for _, n := range []*node{a, b} {
		until(t, "there are new secrets", func() bool {
			n.cluster.look()
			_, current := n.cluster.Secrets()
			return current && a.secret() == b.secret()
		})
	}
	a.expect(answer(t, b.challenge(), 1), "")
}

// secret is the number of the last secret.
func (n *node) secret() uint32 {
	list, _ := n.cluster.Secrets()
	return (*list)[len(*list)-1].Number
}

// Claims end by themselves, and secrets that leak out of Redis don't make nonces: the key of
// --secret is in them, too.
func TestInRedis(t *testing.T) {
	redis := redistest.Start(t)
	a := newNode(t, redis, Options{})
	a.expect(answer(t, a.challenge(), 1), "")
	x := a.cluster.client
	keys, err := x.Do(t.Context(), x.B().Keys().Pattern(noncesKey+"*").Build()).AsStrSlice()
	if err != nil || len(keys) != 1 {
		t.Fatal(keys, err)
	}
	left, err := x.Do(t.Context(), x.B().Pttl().Key(keys[0]).Build()).AsInt64()
	if err != nil || left <= 0 || left > (8*time.Minute).Milliseconds() {
		t.Errorf("it ends in %d ms, %v", left, err)
	}
	other := luabindtest.Must(auth.New(auth.Options{Key: [32]byte{2}, Cluster: a.cluster, Policy: policyOf(func(p *auth.Policy) {
		p.Users, p.Algorithms = auth.Table{"alice": auth.NewPassword("open sesame")}, []auth.Algorithm{auth.MD5}
	})}))
	a.expect(answer(t, (&node{t, other, a.cluster}).challenge(), 1), auth.Stale)
}

func TestOpenErrors(t *testing.T) {
	for _, url := range []string{"nonsense://sip:hunter2@x", "redis://sip:hunter2@127.0.0.1:1", "redis://sip:hunter2@[::1"} {
		if c, err := Open(url, Options{Patience: time.Second}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v %v", c, err)
		}
	}
	for _, text := range []string{"", "1 2\n", "x 2 00\n", fmt.Sprintf("1 2 %064x\n1 2 3\n", 1), fmt.Sprintf("%d 2 %064x\n", uint32(1)<<31, 1)} {
		if list, err := parse(text); err == nil {
			t.Errorf("%q: %v", text, list)
		}
	}
}

// policyOf is the default policy, changed.
func policyOf(change func(p *auth.Policy)) auth.Policy {
	p := auth.DefaultPolicy()
	change(&p)
	return p
}
