package dialog

// This file is the module as the command sees it, and what a running server reports about it.

import (
	"errors"
	"net/http"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/dialog/track"
	"github.com/sipscript/sipscript/modules/host"
)

// Plugin is the module "dialog".
func Plugin() host.Plugin {
	return host.Plugin{Name: "dialog", New: func(e *host.Environment) (luabind.Opener, error) {
		o := Options{Log: e.Log, Data: e.Data}
		var err error
		// The Redis of a spec takes no commands on a connection that subscribes.
		if e.Redis != "" && !e.Simulated() {
			if o.Share, err = OpenRedis(e.Clients, string(e.Redis)); err != nil {
				return nil, e.Redis.Explain("redis", err)
			}
		}
		d, err := New(o)
		if err != nil {
			return nil, err
		}
		host.Offer(e, d)
		if e.Made != nil {
			if m, ok := e.Made("rtpengine").(interface{ OnMediaGone(func(callID string)) }); ok {
				m.OnMediaGone(d.MediaLost)
			}
		}
		return d, nil
	}}
}

// API is GET /calls?key=&from=&to=, GET /calls/ID and POST /calls/ID/hang_up.
func (d *Dialogs) API() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /calls", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		list := []callAnswer{}
		for _, c := range d.List(Filter{Key: q.Get("key"), From: q.Get("from"), To: q.Get("to")}) {
			list = append(list, answerOf(c))
		}
		host.Answer(w, http.StatusOK, map[string]any{"calls": list, "count": d.Count("")})
	})
	mux.HandleFunc("GET /calls/{id}", func(w http.ResponseWriter, r *http.Request) {
		if c := d.asked(w, r); c != nil {
			host.Answer(w, http.StatusOK, answerOf(c))
		}
	})
	mux.HandleFunc("POST /calls/{id}/hang_up", func(w http.ResponseWriter, r *http.Request) {
		if c := d.asked(w, r); c != nil {
			c.Hangup("")
			host.Answer(w, http.StatusOK, map[string]any{"id": c.ID().String()})
		}
	})
	return mux
}

var errNoCall = errors.New("there is no call with this id")

func (d *Dialogs) asked(w http.ResponseWriter, r *http.Request) *Call {
	id, err := track.ParseID(r.PathValue("id"))
	if err == nil {
		if c := d.ByID(id); c != nil {
			return c
		}
		err = errNoCall
	}
	host.Refuse(w, http.StatusNotFound, err)
	return nil
}

// callAnswer is a call as the API has it.
type callAnswer struct {
	ID       string         `json:"id"`
	CallID   string         `json:"call_id"`
	State    string         `json:"state"`
	Caller   string         `json:"caller"`
	Callee   string         `json:"callee"`
	Started  float64        `json:"started"`
	Answered float64        `json:"answered,omitempty"`
	Keys     []string       `json:"keys,omitempty"`
	Vars     map[string]any `json:"vars,omitempty"`
	Legs     any            `json:"legs"`
}

func answerOf(c *Call) callAnswer {
	v := c.View()
	return callAnswer{ID: v.ID.String(), CallID: v.CallID, State: v.State.String(), Caller: aor(uriOf(v.From)), Callee: aor(v.Asked),
		Started: seconds(v.StartedAt), Answered: seconds(v.AnswerAt), Keys: v.Keys, Vars: v.Vars, Legs: legsOf(&v.Call)}
}

// Metrics of the calls.
func (d *Dialogs) Metrics() []luabind.Metric {
	counter := func(name, help string, get func() uint64) luabind.Metric {
		return luabind.Metric{Name: name, Help: help, Kind: luabind.Counter, Value: func() float64 { return float64(get()) }}
	}
	return []luabind.Metric{
		{Name: "dialog_calls", Help: "Tracked calls that have not ended.", Kind: luabind.Gauge, Value: func() float64 { return float64(d.Count("")) }},
		{Name: "dialog_keys", Help: "Keys of limits that are held.", Kind: luabind.Gauge, Value: func() float64 { return float64(d.limits.Keys()) }},
		counter("dialog_tracked_total", "Calls that began to be tracked.", d.count.tracked.Load),
		counter("dialog_answered_total", "Tracked calls that were answered.", d.count.answered.Load),
		counter("dialog_ended_total", "Tracked calls that ended.", d.count.ended.Load),
		counter("dialog_refused_total", "Calls that a limit kept from being tracked.", d.count.refused.Load),
		counter("dialog_pings_total", "Pings that were sent within calls.", d.count.pings.Load),
		counter("dialog_hung_up_total", "Calls that hang_up ended.", d.count.hungUp.Load),
	}
}
