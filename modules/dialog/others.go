package dialog

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/sipscript/sipscript/modules/dialog/track"
)

// The calls of other nodes, for those that count and list them: each node reports its own every
// few seconds, and reads what others have reported. So nobody waits for it, and it is a little old.

const (
	reportEvery = 10 * time.Second
	// What a report has at most: of 100,000 calls, and of as many keys.
	mostReported    = 1000
	mostKeyReported = 10_000
	mostReport      = 4 << 20 // bytes of one, whoever it is from
	mostNodes       = 256
	longestNode     = 300 // bytes of a name
)

// report is what a node says of its calls.
type report struct {
	Node  string         `json:"node"`
	Count int            `json:"count"`
	Keys  map[string]int `json:"keys,omitempty"`  // calls by key of their limits
	Calls []reported     `json:"calls,omitempty"` // the oldest
}

// reported is a call of a report.
type reported struct {
	ID       track.ID    `json:"id"`
	CallID   string      `json:"call_id"`
	From     string      `json:"from"`
	To       string      `json:"to"`
	Asked    string      `json:"asked"`
	State    track.State `json:"state"`
	Held     bool        `json:"held,omitempty"`
	Started  int64       `json:"started"`
	Answered int64       `json:"answered,omitempty"`
	Keys     []string    `json:"keys,omitempty"`
}

// nodeName is that of this node: the same after a restart with the same directory.
func nodeName(data string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "node"
	}
	number := rand.Uint32()
	if path, err := filepath.Abs(data); err == nil && data != "" {
		h := fnv.New32a()
		_, _ = h.Write([]byte(path))
		number = h.Sum32()
	}
	return fmt.Sprintf("%s-%04x", host, number&0xffff)
}

// report says what others may know of this node's calls. They pass over one that is too long, so
// it goes without the youngest calls then, and without some keys.
func (s *shared) report() ([]byte, error) {
	r := report{Node: s.node, Count: s.d.Count(""), Keys: map[string]int{}}
	room := mostReport / 2
	for _, slot := range s.held() {
		if _, ok := r.Keys[slot.Key]; !ok {
			size := aroundNumber + inJSON(slot.Key)
			if len(r.Keys) >= mostKeyReported || size > room {
				continue
			}
			room -= size
		}
		r.Keys[slot.Key]++
	}
	room = mostReport/2 - aroundReport
	for _, c := range s.d.List(Filter{Limit: mostReported}) {
		v := c.View()
		size := aroundCall + inJSON(v.CallID, v.From, v.To, v.Asked) + inJSON(v.Keys...)
		if room -= size; room < 0 {
			break
		}
		r.Calls = append(r.Calls, reported{v.ID, v.CallID, v.From, v.To, v.Asked, v.State, v.Held, v.StartedAt, v.AnswerAt, v.Keys})
	}
	return json.Marshal(&r)
}

// What a report takes beside texts, at most.
const (
	aroundReport = 1024
	aroundCall   = 256
	aroundNumber = 24
)

// inJSON is how many bytes texts take in JSON at most, with quotes and a comma.
func inJSON(texts ...string) (n int) {
	for _, s := range texts {
		n += len(s) + 3
		for _, c := range []byte(s) {
			if c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
				n += 5 // as \u003c
			}
		}
	}
	return n
}

// reports reports, and reads what others have reported. While the server is away, what was read
// last stands, for as long as a lease.
func (s *shared) reports(ctx context.Context) {
	text, err := s.report()
	if err != nil {
		return
	}
	one, cancel := context.WithTimeout(ctx, shareTime)
	defer cancel()
	texts, err := s.share.Report(one, s.node, text, lease)
	if s.heard(err); err != nil {
		if time.Since(s.readAt) > lease {
			s.others.Store(nil)
		}
		return
	}
	s.readAt = time.Now()
	var list []*report
	for _, text := range texts[:min(len(texts), mostNodes)] {
		r := new(report)
		if len(text) > mostReport || json.Unmarshal(text, r) != nil || !r.sound() || r.Node == s.node {
			continue // another version's
		}
		list = append(list, r)
	}
	s.others.Store(&list)
}

// sound reports whether a report can be one of ours.
func (r *report) sound() bool {
	for i := range r.Calls {
		if r.Calls[i].State > track.Confirmed {
			return false
		}
	}
	for _, n := range r.Keys {
		if n < 0 {
			return false
		}
	}
	// A call without a node would be one of this node's, which has a lane
	return r.Node != "" && len(r.Node) <= longestNode && r.Count >= 0 && len(r.Calls) <= mostReported && len(r.Keys) <= mostKeyReported
}

// nodes are what other nodes have reported.
func (s *shared) nodes() []*report {
	if s == nil {
		return nil
	}
	if list := s.others.Load(); list != nil {
		return *list
	}
	return nil
}

// CountAll is Count with the calls of other nodes, as they were some seconds ago.
func (d *Dialogs) CountAll(key string) int {
	n := d.Count(key)
	for _, r := range d.shared.nodes() {
		if key == "" {
			n += r.Count
		} else {
			n += r.Keys[key]
		}
	}
	return n
}

// ListAll is List with the calls of other nodes, as they were some seconds ago: the first 1000 of
// each. They can be looked at, and hung up.
func (d *Dialogs) ListAll(f Filter) []*Call { return d.listAll(f, "") }

func (d *Dialogs) listAll(f Filter, callID string) []*Call {
	own := d.list(f, callID)
	nodes := d.shared.nodes()
	if len(nodes) == 0 {
		return own
	}
	for _, r := range nodes {
		for i := range r.Calls {
			if c := r.Calls[i].call(d, r.Node); c.passesFilter(&f, callID, r.Calls[i].Keys) && d.ByID(c.t.ID) == nil {
				own = append(own, c)
			}
		}
	}
	return oldest(own, f.Limit)
}

// elsewhere is a call with an id that another node has, nil if none is known.
func (d *Dialogs) elsewhere(id track.ID) *Call {
	for _, r := range d.shared.nodes() {
		for i := range r.Calls {
			if r.Calls[i].ID == id {
				return r.Calls[i].call(d, r.Node)
			}
		}
	}
	return nil
}

// call is the call as it is known here. It has no lane.
func (r *reported) call(d *Dialogs, node string) *Call {
	c := &Call{d: d}
	c.t = track.Call{ID: r.ID, CallID: r.CallID, From: r.From, To: r.To, Asked: r.Asked, State: r.State, Held: r.Held, StartedAt: r.Started, AnswerAt: r.Answered,
		Between: &track.Between{Node: node}}
	return c
}

// Node is the node that has the call, "" for this one.
func (c *Call) Node() string {
	if c.lane() == nil && c.t.Between != nil {
		return c.t.Between.Node
	}
	return ""
}
