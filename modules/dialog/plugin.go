package dialog

// This file is the module as the command sees it, and what a running server reports about it.

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/sipscript/sipscript/engine"
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
			if m, ok := e.Made("rtpengine").(engine.MediaRelay); ok {
				d.Relay(m)
			}
		}
		return d, nil
	}}
}

// API is what a running server tells of its calls, and how it ends, holds and transfers one.
func (d *Dialogs) API() []openapi.Operation {
	return []openapi.Operation{
		{Method: "GET", Path: "/calls", Summary: "list the tracked calls that have not ended, the oldest first", Answer: callsAnswer{}, Fails: []int{400}, Serve: d.answerCalls,
			Query: []openapi.Param{{Name: "key", Doc: "only calls that hold this key of a limit"}, {Name: "from", Doc: "only those of this caller"}, {Name: "to", Doc: "only those to this address"},
				{Name: "call_id", Doc: "only calls with this Call-ID"}, {Name: "limit", Type: "integer", Doc: "how many at most, 1000 unless it is said"}}},
		{Method: "GET", Path: "/calls/{id}", Summary: "show a call", Answer: callAnswer{}, Fails: []int{404}, Serve: func(w http.ResponseWriter, r *http.Request) {
			if c := d.asked(w, r); c != nil {
				host.Answer(w, http.StatusOK, answerOf(c))
			}
		}},
		{Method: "POST", Path: "/calls/{id}/hang_up", Summary: "end a call", Answer: hungUp{}, Fails: []int{404, 503}, Serve: d.answerHangup},
		{Method: "POST", Path: "/calls/{id}/hold", Summary: "put both parties of a call on hold; it answers when they are", Answer: hungUp{}, Fails: []int{404, 409},
			Serve: func(w http.ResponseWriter, r *http.Request) { d.answerAsked(w, r, (*Call).Hold) }},
		{Method: "POST", Path: "/calls/{id}/resume", Summary: "end the hold of a call; it answers when it has ended", Answer: hungUp{}, Fails: []int{404, 409},
			Serve: func(w http.ResponseWriter, r *http.Request) { d.answerAsked(w, r, (*Call).Resume) }},
		{Method: "POST", Path: "/calls/{id}/transfer", Summary: "have one party call somebody else; it answers when the target has answered", Body: transferring{}, Answer: hungUp{},
			Fails: []int{400, 404, 409}, Serve: d.answerTransfer},
	}
}

// answerHangup ends a call.
func (d *Dialogs) answerHangup(w http.ResponseWriter, r *http.Request) {
	c := d.asked(w, r)
	switch {
	case c == nil:
	case !c.Hangup("") && c.Node() != "" && c.State() != track.Ended:
		host.Refuse(w, http.StatusServiceUnavailable, fmt.Errorf("node %s has the call, and can't be told while Redis is away: ask that node", c.Node()))
	default:
		host.Answer(w, http.StatusOK, hungUp{c.ID().String()})
	}
}

// transferring is what a transfer takes.
type transferring struct {
	Target  string  `json:"target" doc:"a sip or sips URI"`
	Who     string  `json:"who,omitempty" doc:"the party that calls it: caller, which is the default, or callee"`
	Timeout float64 `json:"timeout,omitempty" doc:"seconds until the target has answered, 60 unless it is said"`
}

func (d *Dialogs) answerTransfer(w http.ResponseWriter, r *http.Request) {
	var o transferring
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(&o)
	if err == nil && (o.Who != "" && o.Who != "caller" && o.Who != "callee" || !(o.Timeout >= 0 && o.Timeout <= 600)) {
		err = errTransfer
	}
	if err != nil {
		host.Refuse(w, http.StatusBadRequest, err)
		return
	}
	timeout := time.Duration(o.Timeout * float64(time.Second))
	// The target may take longer to answer than the server gives other requests. An answer that has
	// no deadline needs none.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(cmp.Or(timeout, DefaultTransferTime) + 10*time.Second))
	d.answerAsked(w, r, func(c *Call, done func(error)) bool {
		return c.Transfer(o.Target, TransferOptions{Callee: o.Who == "callee", Timeout: timeout}, done)
	})
}

var errTransfer = errors.New(`who is "caller" or "callee", and timeout at most 600 seconds`)

// answerAsked answers when what is asked of the parties of a call is done.
func (d *Dialogs) answerAsked(w http.ResponseWriter, r *http.Request, ask func(c *Call, done func(error)) bool) {
	c := d.asked(w, r)
	if c == nil {
		return
	}
	result := make(chan error, 1)
	err := errMany
	if ask(c, func(err error) { result <- err }) {
		select {
		case err = <-result:
		case <-r.Context().Done():
			return
		}
	}
	switch {
	case err == nil:
		host.Answer(w, http.StatusOK, hungUp{c.ID().String()})
	case errors.Is(err, errReferTo):
		host.Refuse(w, http.StatusBadRequest, err)
	default:
		host.Refuse(w, http.StatusConflict, err)
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
	for _, c := range d.listAll(f, q.Get("call_id")) {
		list = append(list, answerOf(c))
	}
	host.Answer(w, http.StatusOK, callsAnswer{list, d.CountAll("")})
}

var errNoCall = errors.New("there is no call with this id")

func (d *Dialogs) asked(w http.ResponseWriter, r *http.Request) *Call {
	id, err := track.ParseID(r.PathValue("id"))
	if err == nil {
		if c := d.ByID(id); c != nil {
			return c
		}
		if c := d.elsewhere(id); c != nil {
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
	Node     string         `json:"node,omitempty" doc:"that has it; without: the one that is asked"`
	State    string         `json:"state"`
	Held     bool           `json:"held,omitempty"`
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
	return callAnswer{ID: v.ID.String(), CallID: v.CallID, Node: c.Node(), State: v.State.String(), Held: v.Held, Caller: aor(uriOf(v.From)), Callee: aor(v.Asked),
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
