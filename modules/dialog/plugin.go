package dialog

// This file is the module as the command sees it, and what a running server reports about it.

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/dialog/track"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/ops/openapi"
)

// Plugin is the module "dialog".
func Plugin() host.Plugin {
	return host.Plugin{Name: "dialog", Commands: []host.Command{callsCommand()}, New: func(e *host.Environment) (luabind.Opener, error) {
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

// API is what a running server tells of its calls, and how it ends one.
func (d *Dialogs) API() []openapi.Operation {
	return []openapi.Operation{
		{Method: "GET", Path: "/calls", Summary: "list the tracked calls that have not ended, the oldest first", Answer: callsAnswer{}, Fails: []int{400}, Serve: d.answerCalls,
			Query: []openapi.Param{{Name: "key", Doc: "only calls that hold this key of a limit"}, {Name: "from", Doc: "only those of this caller"}, {Name: "to", Doc: "only those to this address"},
				{Name: "limit", Type: "integer", Doc: "how many at most, 1000 unless it is said"}}},
		{Method: "GET", Path: "/calls/{id}", Summary: "show a call", Answer: callAnswer{}, Fails: []int{404}, Serve: func(w http.ResponseWriter, r *http.Request) {
			if c := d.asked(w, r); c != nil {
				host.Answer(w, http.StatusOK, answerOf(c))
			}
		}},
		{Method: "POST", Path: "/calls/{id}/hang_up", Summary: "end a call", Answer: hungUp{}, Fails: []int{404}, Serve: func(w http.ResponseWriter, r *http.Request) {
			if c := d.asked(w, r); c != nil {
				c.Hangup("")
				host.Answer(w, http.StatusOK, hungUp{c.ID().String()})
			}
		}},
	}
}

// What the operations answer.
type (
	callsAnswer struct {
		Calls []callAnswer `json:"calls"`
		Count int          `json:"count" doc:"of all calls, listed or not"`
	}
	hungUp struct {
		ID string `json:"id"`
	}
)

// mostListed bounds a list of calls.
const mostListed = 100_000

func (d *Dialogs) answerCalls(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f := Filter{Key: q.Get("key"), From: q.Get("from"), To: q.Get("to")}
	if text := q.Get("limit"); text != "" {
		var err error
		if f.Limit, err = strconv.Atoi(text); err != nil || f.Limit < 1 || f.Limit > mostListed {
			host.Refuse(w, http.StatusBadRequest, fmt.Errorf("limit must be 1 to %d", mostListed))
			return
		}
	}
	list := []callAnswer{}
	for _, c := range d.List(f) {
		list = append(list, answerOf(c))
	}
	host.Answer(w, http.StatusOK, callsAnswer{list, d.Count("")})
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
