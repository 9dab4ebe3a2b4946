package trace

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine/ring"
	"github.com/sipscript/sipscript/ops/openapi"
)

const (
	defaultCalls = 100
	mostCalls    = 10_000 // in one answer
	mostLive     = 32     // who watch at the same time
	livePause    = 100 * time.Millisecond
	liveBeat     = 15 * time.Second // a comment, so that both sides know of each other
	writeTime    = 10 * time.Second // for what is written to a client at once
)

// API answers questions about a ring.
type API struct {
	Ring *ring.Ring // nil: the server remembers nothing
	// About says what the server is responsible for, and which script it runs; nil: nothing is
	// known.
	About func() (domains []string, script string)

	watching atomic.Int32
}

// filters are the parameters that choose calls.
func filters() []openapi.Param {
	return []openapi.Param{
		{Name: "user", Doc: "a user of the Request-URI, From or To"},
		{Name: "call_id", Doc: "what the Call-ID begins with"},
		{Name: "from", Doc: "what is in the URI of From"},
		{Name: "to", Doc: "what is in the URI of To"},
		{Name: "method", Doc: "of the first request"},
		{Name: "code", Doc: "a response, 486, or a class, 4xx"},
		{Name: "ip", Doc: "the address of a party"},
		{Name: "name", Doc: "what sip.trace calls it"},
		{Name: "state", Doc: "how far it has come", Enum: []string{ring.Trying, ring.Ringing, ring.Answered, ring.Failed, ring.Ended}},
	}
}

// Operations are the paths of the API.
func (a *API) Operations() []openapi.Operation {
	return []openapi.Operation{
		{Method: "GET", Path: "/api/v1/trace/calls", Summary: "list the last calls and requests, the newest first",
			Query: append(filters(), openapi.Param{Name: "limit", Doc: "how many at most; 100 if it is not given", Type: "integer"}), Answer: []Summary{}, Fails: []int{400, 404}, Serve: a.list},
		{Method: "GET", Path: "/api/v1/trace/calls/{call_id}", Summary: "tell all about a call", Answer: Call{}, Fails: []int{404}, Serve: a.one},
		{Method: "GET", Path: "/api/v1/trace/live", Summary: "tell what happens from now on, as server-sent events", Query: filters(), Answer: Event{}, Type: "text/event-stream", Fails: []int{400, 404, 503}, Serve: a.live},
	}
}

// errNoRing: the server remembers nothing.
var errNoRing = errors.New("this server remembers no calls: it runs with --ring 0")

// ReadFilter reads the filter of a query: user, call_id, from, to, method, code, ip, name, state.
func ReadFilter(q url.Values) (f ring.Filter, err error) {
	f = ring.Filter{User: q.Get("user"), CallID: q.Get("call_id"), From: q.Get("from"), To: q.Get("to"), Method: q.Get("method"), Name: q.Get("name"), State: q.Get("state")}
	if text := q.Get("code"); text != "" {
		if len(text) == 3 && text[1:] == "xx" {
			text = text[:1]
		}
		if f.Code, err = strconv.Atoi(text); err != nil || f.Code < 1 || f.Code > 699 {
			return f, fmt.Errorf("code %q: expected one such as 486, or a class such as 4xx", text)
		}
	}
	if text := q.Get("ip"); text != "" {
		if f.IP, err = netip.ParseAddr(text); err != nil {
			return f, fmt.Errorf("ip %q: expected an IP address", text)
		}
	}
	return f, nil
}

func (a *API) list(w http.ResponseWriter, r *http.Request) {
	if a.Ring == nil {
		refuse(w, http.StatusNotFound, errNoRing)
		return
	}
	f, err := ReadFilter(r.URL.Query())
	most := defaultCalls
	if text := r.URL.Query().Get("limit"); text != "" && err == nil {
		if most, err = strconv.Atoi(text); err != nil || most < 1 || most > mostCalls {
			err = fmt.Errorf("limit %q: expected a number from 1 to %d", text, mostCalls)
		}
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	calls, err := a.Ring.Calls(f, most)
	if err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	list := make([]Summary, 0, len(calls))
	for _, c := range calls {
		list = append(list, summaryOf(c))
	}
	answer(w, http.StatusOK, list)
}

func (a *API) one(w http.ResponseWriter, r *http.Request) {
	if a.Ring == nil {
		refuse(w, http.StatusNotFound, errNoRing)
		return
	}
	id := r.PathValue("call_id")
	c, records, err := a.Ring.Call(id)
	switch {
	case err != nil:
		refuse(w, http.StatusInternalServerError, err)
		return
	case c == nil:
		refuse(w, http.StatusNotFound, fmt.Errorf("no call %s is remembered", id))
		return
	}
	all := Call{Summary: summaryOf(c), Domains: []string{}, LeftOut: c.LeftOut}
	if a.About != nil {
		all.Domains, all.Script = a.About()
	}
	for i := range records {
		all.Events = append(all.Events, eventOf(&records[i], ""))
	}
	answer(w, http.StatusOK, all)
}

// live writes an event for each record of the calls that the filter chooses. It ends with the
// client.
func (a *API) live(w http.ResponseWriter, r *http.Request) {
	if a.Ring == nil {
		refuse(w, http.StatusNotFound, errNoRing)
		return
	}
	f, err := ReadFilter(r.URL.Query())
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	defer a.watching.Add(-1)
	if a.watching.Add(1) > mostLive {
		refuse(w, http.StatusServiceUnavailable, fmt.Errorf("%d watch already", mostLive))
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	s := &stream{w: w, control: http.NewResponseController(w), follower: a.Ring.Follow(false), book: a.Ring.NewBook(10_000), filter: f}
	s.run(r)
}

// stream is one client that watches.
type stream struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	follower *ring.Follower
	book     *ring.Book
	filter   ring.Filter
	lost     uint64
	written  time.Time
}

func (s *stream) run(r *http.Request) {
	tick := time.NewTicker(livePause)
	defer tick.Stop()
	_ = s.control.SetReadDeadline(time.Time{}) // the server's is for reading the request
	if s.flush(": watching\n\n") != nil {
		return
	}
	for {
		select {
		case <-r.Context().Done():
			return
		case now := <-tick.C:
			if s.look() != nil {
				return
			}
			if now.Sub(s.written) > liveBeat && s.flush(":\n\n") != nil {
				return
			}
		}
	}
}

// look writes what is new.
func (s *stream) look() error {
	list := s.follower.Next()
	var text []byte
	for i := range list {
		c := s.book.Add(&list[i])
		if c == nil || !s.filter.Match(c) {
			continue
		}
		line, err := json.Marshal(eventOf(&list[i], c.ID))
		if err != nil {
			return err
		}
		text = append(append(append(text, "data: "...), line...), "\n\n"...)
	}
	if n := s.follower.Lost(); n > s.lost {
		text = fmt.Appendf(text, "event: lost\ndata: %d\n\n", n-s.lost)
		s.lost = n
	}
	if len(text) == 0 {
		return nil
	}
	return s.flush(string(text))
}

func (s *stream) flush(text string) error {
	s.written = time.Now()
	_ = s.control.SetWriteDeadline(s.written.Add(writeTime)) // where there is none, a test writes
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}

func refuse(w http.ResponseWriter, code int, err error) {
	answer(w, code, map[string]string{"error": err.Error()})
}

// answer writes v as JSON. A client that went away is none of our business.
func answer(w http.ResponseWriter, code int, v any) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write(append(text, '\n'))
}
