package dictredis

// Figures.

import (
	"sync/atomic"

	"github.com/sipscript/sipscript/luabind"
)

// counts are since the start.
type counts struct {
	copy, redis, stale atomic.Uint64 // reads, by what they are from
	writes             atomic.Uint64
}

// Metrics are those of all dictionaries in Redis.
func (s *Set) Metrics() []luabind.Metric {
	list := []luabind.Metric{
		{Name: "shared_redis_writes_total", Help: "Changes of dictionaries that are in Redis, those that failed included.", Kind: luabind.Counter,
			Value: func() float64 { return float64(s.counts.writes.Load()) }},
		{Name: "shared_redis_copy_bytes", Help: "About how many bytes of dictionaries in Redis are remembered.", Kind: luabind.Gauge,
			Value: func() float64 { return float64(s.bytes.Load()) }},
	}
	for from, n := range map[string]*atomic.Uint64{"copy": &s.counts.copy, "redis": &s.counts.redis, "stale": &s.counts.stale} {
		list = append(list, luabind.Metric{Name: "shared_redis_reads_total",
			Help:   "Reads of dictionaries that are in Redis: from the copy here, from Redis, or from an old copy while Redis is away.",
			Kind:   luabind.Counter,
			Labels: map[string]string{"from": from}, Value: func() float64 { return float64(n.Load()) }})
	}
	return list
}
