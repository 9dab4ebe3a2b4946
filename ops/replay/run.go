package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Report is what two scripts decide differently.
type Report struct {
	Requests    int            `json:"requests" doc:"that were replayed"`
	Compared    int            `json:"compared" doc:"of these"`
	Same        int            `json:"same" doc:"of those compared: that both scripts decide alike"`
	Unlike      int            `json:"unlike_then" doc:"of those compared: that the script that serves decides otherwise than it did then, as its state is another"`
	Kinds       map[Kind]int   `json:"kinds" doc:"how many requests differ in what"`
	Rows        []Row          `json:"differences" doc:"those that are alike in one, the worst first"`
	NotCompared map[string]int `json:"not_compared,omitempty" doc:"how many requests asked what outside"`
	LeftOut     map[string]int `json:"left_out,omitempty" doc:"how many can't be replayed, by the reason"`
	Missing     []string       `json:"missing,omitempty" doc:"state that could not be had"`
	Loads       []string       `json:"asked_while_loading,omitempty" doc:"what the scripts asked outside beside requests, in vain"`
	Gate        *Gate          `json:"gate,omitempty" doc:"if rules were given"`
}

// Row are requests that differ alike.
type Row struct {
	Count       int          `json:"count" doc:"how many"`
	Method      string       `json:"method" doc:"of all of them"`
	Differences []Difference `json:"differences" doc:"of the first of them"`
	Example     Example      `json:"example" doc:"the first of them"`
}

// Example is one of the requests that differ alike.
type Example struct {
	CallID string   `json:"call_id" doc:"of the request"`
	URI    string   `json:"uri" doc:"the Request-URI"`
	Then   Decision `json:"then" doc:"what was decided when it came"`
	Old    Decision `json:"old" doc:"what the script that serves decides now"`
	New    Decision `json:"new" doc:"what the new script decides"`
}

// mostRows bounds the rows of a report; those beyond are counted alone.
const mostRows = 1000

// LoadError says that a script does not start.
type LoadError struct {
	New bool  // it is the new one
	Err error // the script's
}

// Error is the script's error.
func (e *LoadError) Error() string {
	if e.New {
		return e.Err.Error()
	}
	return "the script that serves cannot be run here: " + e.Err.Error()
}

// Unwrap is the script's error.
func (e *LoadError) Unwrap() error { return e.Err }

// Run replays requests by both scripts. An error is a [LoadError], or that of ctx.
func Run(ctx context.Context, m *Material, old, next Code, o Options) (r *Report, err error) {
	o.context = ctx
	o.Seed |= 1
	m.Listen = listeners(m)
	before, err := newStage(&o, m, old)
	if err != nil {
		return nil, orOver(ctx, &LoadError{false, err})
	}
	defer before.close()
	after, err := newStage(&o, m, next)
	if err != nil {
		return nil, orOver(ctx, &LoadError{true, err})
	}
	defer after.close()
	r = &Report{Kinds: map[Kind]int{}, NotCompared: map[string]int{}, LeftOut: map[string]int{}, Missing: m.Missing, Rows: []Row{}}
	for why, n := range m.LeftOut {
		r.LeftOut[why] += n
	}
	rows := map[string]int{}
	for i := range m.Requests {
		q := &m.Requests[i]
		a, failed := before.play(q)
		var b Decision
		if failed == nil {
			b, failed = after.play(q)
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("%d of %d requests were replayed: %w", i, len(m.Requests), err)
		}
		if failed != nil {
			r.LeftOut[failed.Error()]++
		} else {
			r.add(q, &a, &b, rows)
		}
		if o.Progress != nil {
			o.Progress(i+1, len(m.Requests))
		}
	}
	r.Loads = slices.Compact(slices.Sorted(slices.Values(slices.Concat(before.loads, after.loads))))
	slices.SortStableFunc(r.Rows, func(a, b Row) int { return rank(a) - rank(b) })
	return r, nil
}

// orOver is the error of ctx, if that is over.
func orOver(ctx context.Context, err error) error {
	if over := ctx.Err(); over != nil {
		return over
	}
	return err
}

// rank sorts rows: the worst kind first, and of equals those with many requests.
func rank(r Row) int {
	return slices.Index(kinds(), r.Differences[0].Kind)*MostRequests*2 - r.Count
}

// add compares two decisions.
func (r *Report) add(q *Request, a, b *Decision, rows map[string]int) {
	r.Requests++
	if asked := slices.Compact(slices.Sorted(slices.Values(slices.Concat(a.Asks, b.Asks)))); len(asked) > 0 {
		r.NotCompared["asks "+strings.Join(asked, " and ")]++
		return
	}
	r.Compared++
	if q.Then.Code != a.Code || len(q.Then.Targets) != len(a.Targets) {
		r.Unlike++
	}
	list := compare(a, b)
	if len(list) == 0 {
		r.Same++
		return
	}
	method, _, _ := strings.Cut(string(q.Text[:min(len(q.Text), 40)]), " ")
	var key strings.Builder
	key.WriteString(method)
	for _, d := range list {
		r.Kinds[d.Kind]++
		key.WriteString("\x00" + string(d.Kind) + "\x00" + d.same)
	}
	if i, ok := rows[key.String()]; ok {
		r.Rows[i].Count++
		return
	}
	if len(r.Rows) >= mostRows {
		return
	}
	_, rest, _ := strings.Cut(string(q.Text), " ")
	uri, _, _ := strings.Cut(rest, " ")
	rows[key.String()] = len(r.Rows)
	r.Rows = append(r.Rows, Row{Count: 1, Method: method, Differences: list, Example: Example{q.CallID, uri, q.Then, *a, *b}})
}

// ErrNothing says that there is nothing to replay.
var ErrNothing = errors.New("the server remembers no requests")

// listeners are those of the worlds: where requests came to, and others of the server.
func listeners(m *Material) (list []string) {
	for i := range m.Requests {
		q := &m.Requests[i]
		if text := q.Transport + ":" + q.Local; !slices.Contains(list, text) && len(list) < 200 {
			list = append(list, text)
		}
	}
	for _, text := range m.Listen {
		if !slices.Contains(list, text) && !strings.Contains(text, ":0.0.0.0:") && !strings.Contains(text, ":[::]:") {
			list = append(list, text)
		}
	}
	if len(list) == 0 {
		list = []string{"udp:10.0.0.1:5060", "tcp:10.0.0.1:5060"}
	}
	return list
}
