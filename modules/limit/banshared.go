package limit

// Bans that nodes share, where what they count is shared: package redisset.

import (
	"net/netip"
	"time"

	"github.com/sipscript/sipscript/modules/clients/redis"
	"github.com/sipscript/sipscript/modules/clients/redisset"
)

// shareBans makes the set. It is started with the first policy that shares.
func (l *Limit) shareBans(c *redis.Client) {
	l.together = redisset.New(redisset.Options{Client: c, Name: "limit:bans", Now: l.wall, Log: l.o.Log, Lock: &l.banning, Apply: l.applyBans, Value: l.banValue})
}

// wall is the engine's time of day.
func (l *Limit) wall() time.Time {
	if e := l.engine.Load(); e != nil {
		return e.Clock().Wall()
	}
	return time.Now()
}

// serve puts a policy into force.
func (l *Limit) serve(p *policy) {
	l.serving.Store(p)
	if p.Shared && l.together != nil {
		l.begin.Do(l.together.Start)
	}
}

// sharesBans reports whether the others are told of bans.
func (l *Limit) sharesBans() bool { return l.together != nil && l.serving.Load().Shared }

// banValue is why a source is banned.
func (l *Limit) banValue(key string) (string, bool) {
	source, err := netip.ParseAddr(key)
	if err != nil {
		return "", false
	}
	return l.bans.why(source, l.clock())
}

// applyBans puts the bans of other nodes into force. Who has a binding or a call here is heard
// here: its address may be forged there.
func (l *Limit) applyBans(list []redisset.Entry) {
	now, wall := l.clock(), l.wall()
	for _, e := range list {
		source, err := netip.ParseAddr(e.Key)
		switch {
		case err != nil || source != sourceOf(source):
		case e.Gone:
			l.bans.remove(source, nil)
		case !e.Ends.IsZero() && !l.isKnown(source, 0, now):
			l.bans.add(source, &ban{why: e.Value, since: redisset.TimeOf(e.At), until: now + int64(e.Ends.Sub(wall))}, now)
		}
	}
}
