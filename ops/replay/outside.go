package replay

// What a script under replay asks outside. Nothing is asked.

import (
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/sipscript/sipscript/luabind/spec"
)

// errReplay is the error of what is asked outside.
var errReplay = errors.New("nothing is asked outside in a replay")

// nobody answers what scripts ask other servers: databases have no rows, a Redis is empty, and
// others fail. Its methods may be called from any goroutine.
type nobody struct {
	now  func() time.Time
	note func(what string)

	mu     sync.Mutex
	redis  *miniredis.Miniredis
	common map[string]any
}

// HTTP fails.
func (o *nobody) HTTP(r *http.Request, _ string) (*spec.HTTPAnswer, error) {
	o.note("http: " + r.URL.Scheme + "://" + r.URL.Host)
	return nil, errReplay
}

// SQL finds nothing.
func (o *nobody) SQL(at, _ string, _ []any) (*spec.SQLAnswer, error) {
	o.note("sql: " + where(at))
	return &spec.SQLAnswer{}, nil
}

// Redis is an empty one in this process.
func (o *nobody) Redis(at string) (string, error) {
	if at != spec.Dictionaries {
		o.note("redis: " + where(at))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.redis == nil {
		r := miniredis.NewMiniRedis()
		if err := r.Start(); err != nil {
			return "", err
		}
		r.SetTime(o.now())
		o.redis = r
	}
	return o.redis.Addr(), nil
}

// Media fails.
func (o *nobody) Media(string, map[string]any) (map[string]any, error) {
	o.note("rtpengine")
	return nil, errReplay
}

// Record forgets the record of a call.
func (*nobody) Record([]byte) {}

// Probes: none are sent.
func (*nobody) Probes() bool { return false }

// Storage is nowhere.
func (o *nobody) Storage() spec.Storage { return spec.Storage{Now: o.now} }

// Common is something that modules have in common.
func (o *nobody) Common(name string, first func() any) any {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.common == nil {
		o.common = map[string]any{}
	}
	if o.common[name] == nil {
		o.common[name] = first()
	}
	return o.common[name]
}

func (o *nobody) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.redis != nil {
		o.redis.Close()
	}
}

// where is a URL without user and password.
func where(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "a server"
	}
	return u.Scheme + "://" + u.Host + u.Path
}

var (
	_ spec.Outside = (*nobody)(nil)
)
