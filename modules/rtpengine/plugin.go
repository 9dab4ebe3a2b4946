package rtpengine

import (
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/rtpengine/ng"
	"github.com/sipscript/sipscript/ops/openapi"
)

// Plugin is the module "rtpengine".
func Plugin() host.Plugin {
	return host.Plugin{Name: "rtpengine", New: func(e *host.Environment) (luabind.Opener, error) {
		return New(Options{Log: e.Log, Clients: e.Clients, Data: e.Data, Exchange: e.Exchange}), nil
	},
		Commands: []host.Command{command()}}
}

// Options of New. All may be zero.
type Options struct {
	Log     *slog.Logger  // default slog.Default
	Clients *clients.Pool // for lists of daemons in databases; nil: there are none
	Data    string        // the directory of --data, "" for none: the last list is kept there
	Ping    time.Duration // between two pings of a daemon, default 5 s
	// Exchange stands for the daemons in a simulation; nil: they are really asked. It must not
	// block.
	Exchange func(uri string, command map[string]any) (answer map[string]any, err error)
}

// RTPEngine is the module. It outlives script generations.
type RTPEngine struct {
	*Relay
	clients *clients.Pool
	data    string
	events  luabind.Events[event]
	mu      sync.Mutex // which generation's list is in force

	timeouts atomic.Uint64
	watcher  func(callID string) // set while the modules are made; nil: none
}

// New makes the module. It has to be closed.
func New(o Options) *RTPEngine {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	p := &RTPEngine{clients: o.Clients, data: o.Data}
	p.Relay = NewRelay(ng.NewPool(ng.Options{Interval: o.Ping, Changed: p.changed, Event: p.happened, Exchange: o.Exchange}), o.Log)
	return p
}

// Close ends what is sent, and the watch on the daemons.
func (p *RTPEngine) Close() error {
	err := p.Relay.Close()
	p.pool.Close()
	return err
}

// Policy is what a script sets.
type Policy struct {
	Timeout   time.Duration `lua:"timeout,reloadable" min:"0.05" max:"10" default:"1" doc:"how long a daemon has to answer; over udp: it is asked again meanwhile"`
	OnFailure string        `lua:"on_failure,reloadable" oneof:"503 pass" default:"\"503\"" doc:"\"503\": a branch without a daemon fails, with the cause \"media\"; \"pass\": it goes on unchanged"`
}

// DefaultPolicy is what a script gets that sets nothing.
func DefaultPolicy() Policy { return Policy{Timeout: ng.DefaultTimeout, OnFailure: "503"} }

// Check refuses what makes no sense.
func (p *Policy) Check() error {
	if p.Timeout <= 0 {
		return errors.New("timeout must be more than 0 seconds")
	}
	return nil
}

// daemon is one entry of the list.
type daemon struct {
	URI    string `lua:"uri,required" source:"bare" doc:"udp:HOST:PORT, tcp:HOST:PORT, ws://HOST:PORT/ws or wss://…"`
	Weight int    `lua:"weight" min:"0" max:"1000" doc:"its share of new calls; 0: none, at the end of its life"`
	Set    string `lua:"set" doc:"that it belongs to"`
}

const mostEngines = 1000

// layouts are others' tables.
var layouts = map[string]string{
	"kamailio": "SELECT url AS uri, setid AS \"set\", CASE WHEN disabled = 0 THEN weight ELSE 0 END AS weight FROM rtpengine",
}

// API is what a running server tells of the daemons, and what they tell it.
func (p *RTPEngine) API() []openapi.Operation {
	return []openapi.Operation{
		{Method: "POST", Path: "/timeout", Summary: "hear from a daemon that the media of a call is gone", Serve: p.gone},
		{Method: "GET", Path: "/engines", Summary: "list the daemons and how they fare", Answer: enginesAnswer{}, Serve: func(w http.ResponseWriter, _ *http.Request) {
			list := []engineAnswer{}
			for _, e := range p.pool.Engines() {
				s := e.Stats()
				list = append(list, engineAnswer{e.URI, e.Set, e.Weight, e.Up(), s.Waiting, s.Commands, s.Errors})
			}
			host.Answer(w, http.StatusOK, enginesAnswer{list})
		}},
	}
}

type enginesAnswer struct {
	Engines []engineAnswer `json:"engines"`
}

type engineAnswer struct {
	URI      string `json:"uri"`
	Set      string `json:"set"`
	Weight   int    `json:"weight"`
	Up       bool   `json:"up"`
	Waiting  int    `json:"waiting"`
	Commands uint64 `json:"commands"`
	Errors   uint64 `json:"errors"`
}

// Metrics of the daemons.
func (p *RTPEngine) Metrics() []luabind.Metric {
	sum := func(get func(*ng.Engine) float64) func() float64 {
		return func() (n float64) {
			for _, e := range p.pool.Engines() {
				n += get(e)
			}
			return n
		}
	}
	return []luabind.Metric{
		{Name: "rtpengine_up", Help: "Daemons that are up.", Kind: luabind.Gauge, Value: sum(func(e *ng.Engine) float64 {
			if e.Up() {
				return 1
			}
			return 0
		})},
		{Name: "rtpengine_down", Help: "Daemons that are down.", Kind: luabind.Gauge, Value: sum(func(e *ng.Engine) float64 {
			if e.Up() {
				return 0
			}
			return 1
		})},
		{Name: "rtpengine_commands_total", Help: "Commands sent to daemons.", Kind: luabind.Counter, Value: sum(func(e *ng.Engine) float64 { return float64(e.Stats().Commands) })},
		{Name: "rtpengine_errors_total", Help: "Commands that no daemon answered.", Kind: luabind.Counter, Value: sum(func(e *ng.Engine) float64 { return float64(e.Stats().Errors) })},
		{Name: "rtpengine_timeouts_total", Help: "Calls whose media is gone, as daemons told.", Kind: luabind.Counter, Value: func() float64 { return float64(p.timeouts.Load()) }},
		{Name: "rtpengine_waiting", Help: "Commands that wait for their answer.", Kind: luabind.Gauge, Value: sum(func(e *ng.Engine) float64 { return float64(e.Stats().Waiting) })},
	}
}
