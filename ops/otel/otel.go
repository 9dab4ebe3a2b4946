// Package otel tells an OpenTelemetry collector of calls: one span for each, with an event for each
// message and step, by OTLP over HTTP (JSON).
//
// An [Exporter] follows a ring, so it never delays a call. A span is sent when its call has ended.
// The ids of a call's trace and span follow from its Call-ID ([IDs]): what a script asks by HTTP in
// its course can name them ([Parent]) before they are sent, and servers of a cluster name the same.
package otel

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine/ring"
)

// Options of an Exporter. Ring and URL are required.
type Options struct {
	Ring    *ring.Ring
	URL     string // of the collector; without a path /v1/traces is meant
	Service string // the name of this service, default "sipscript"
}

const (
	pause    = time.Second
	linger   = 3 * time.Second // after a call has ended: its last messages
	mostOpen = 50_000          // calls that have not ended; of those beyond the oldest is sent
	// Without a message: of an answered call; of an INVITE that is not: Timer C (RFC 3261 §16.6)
	// and some; of another request: Timer F and some
	longest        = 24 * time.Hour
	longestInvite  = 5 * time.Minute
	longestRequest = time.Minute
	mostEvents     = 100 // of a span
	mostSpans      = 500 // of a request
	postTime       = 5 * time.Second
)

// IDs are the ids of a call's trace and span.
func IDs(callID []byte) (trace [16]byte, span [8]byte) {
	sum := sha256.Sum256(append([]byte("sipscript call "), callID...))
	return [16]byte(sum[:16]), [8]byte(sum[16:24])
}

// Parent is the traceparent (W3C Trace Context) of what is asked in the course of a call.
func Parent(callID []byte) string {
	trace, span := IDs(callID)
	return fmt.Sprintf("00-%x-%x-01", trace, span)
}

// CheckURL returns what is wrong with the URL of a collector.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("expected a URL such as http://127.0.0.1:4318")
	}
	return nil
}

// Exporter sends from New until Close.
type Exporter struct {
	opts     Options
	client   http.Client
	follower *ring.Follower
	book     *ring.Book
	open     map[*ring.Call]*span
	oldest   []*span // of open, in the order in which they came; some are not open any more
	mostOpen int
	early    []spanJSON      // sent with the next flush: there was no room
	ctx      context.Context // of what is sent; ends some time after Close
	cancel   context.CancelFunc
	stop     chan struct{}
	done     chan struct{}
	once     sync.Once
	sent     atomic.Uint64
	dropped  atomic.Uint64
}

// span is a call that has not been sent.
type span struct {
	first  time.Time // when its first record was made
	call   *ring.Call
	events []event
	left   int       // events that were not kept
	last   time.Time // of the last record
}

// New starts telling of calls from now on.
func New(o Options) (*Exporter, error) {
	if err := CheckURL(o.URL); err != nil {
		return nil, err
	}
	if u, _ := url.Parse(o.URL); strings.Trim(u.Path, "/") == "" { // CheckURL has read it
		o.URL = u.JoinPath("v1", "traces").String()
	}
	if o.Service == "" {
		o.Service = "sipscript"
	}
	e := &Exporter{opts: o, client: http.Client{Timeout: postTime}, follower: o.Ring.Follow(false), book: o.Ring.NewBook(mostOpen), open: map[*ring.Call]*span{},
		mostOpen: mostOpen, stop: make(chan struct{}), done: make(chan struct{})}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	go e.run() // ends with Close
	return e, nil
}

// Close sends what is left, calls that have not ended included, and ends; it takes five seconds at
// most.
func (e *Exporter) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), postTime)
	defer cancel()
	return e.close(ctx)
}

// close is Close with its own end: what is not sent by then is dropped, that of a flush under way
// included.
func (e *Exporter) close(ctx context.Context) error {
	e.once.Do(func() { close(e.stop) })
	defer e.cancel()
	select {
	case <-e.done:
	case <-ctx.Done():
		e.cancel()
		<-e.done
	}
	return nil
}

// Sent is how many spans the collector took.
func (e *Exporter) Sent() uint64 { return e.sent.Load() }

// Dropped is how many spans were lost: the collector took them not, or there were too many.
func (e *Exporter) Dropped() uint64 { return e.dropped.Load() }

func (e *Exporter) run() {
	defer close(e.done)
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-e.stop:
			e.look()
			e.flush(time.Time{})
			return
		case now := <-tick.C:
			e.look()
			e.flush(now)
		}
	}
}

// look notes what is new.
func (e *Exporter) look() {
	for list := e.follower.Next(); len(list) > 0; list = e.follower.Next() {
		for i := range list {
			if c := e.book.Add(&list[i]); c != nil {
				e.note(c, &list[i])
			}
		}
	}
}

func (e *Exporter) note(c *ring.Call, r *ring.Record) {
	s := e.open[c]
	if s == nil {
		if len(e.open) >= e.mostOpen {
			e.makeRoom()
		}
		s = &span{call: c, first: r.At}
		e.open[c] = s
		e.oldest = append(e.oldest, s)
	}
	s.last = r.At
	if len(s.events) >= mostEvents {
		s.left++
		return
	}
	s.events = append(s.events, eventOf(r))
}

// makeRoom has the oldest sent though it has not ended.
func (e *Exporter) makeRoom() {
	for len(e.oldest) > 0 {
		s := e.oldest[0]
		e.oldest[0], e.oldest = nil, e.oldest[1:]
		if e.open[s.call] != s {
			continue
		}
		delete(e.open, s.call)
		e.early = append(e.early, s.json())
		if len(e.early) == mostSpans {
			e.post(e.early)
			e.early = nil
		}
		return
	}
}

// flush sends the calls that have ended; with the zero time all.
func (e *Exporter) flush(now time.Time) {
	batch := e.early
	e.early = nil
	for c, s := range e.open {
		if whole := c.Whole(); whole != c {
			e.join(whole, s)
			delete(e.open, c)
		}
	}
	for c, s := range e.open {
		if !now.IsZero() && now.Sub(s.last) < patience(c) {
			continue
		}
		delete(e.open, c)
		batch = append(batch, s.json())
		if len(batch) == mostSpans {
			e.post(batch)
			batch = nil
		}
	}
	if len(batch) > 0 {
		e.post(batch)
	}
	e.oldest = slices.DeleteFunc(e.oldest, func(s *span) bool { return e.open[s.call] != s })
}

// patience is how long nothing may be heard of a call before it is sent.
func patience(c *ring.Call) time.Duration {
	switch {
	case over(c):
		return linger
	case c.Method != "INVITE":
		return longestRequest
	case c.State == ring.Answered:
		return longest
	}
	return longestInvite
}

// join adds what is known of a call that turned out to be part of another.
func (e *Exporter) join(whole *ring.Call, s *span) {
	to := e.open[whole]
	if to == nil {
		s.call = whole
		e.open[whole] = s
		return // its first record is later than that of the whole, whose span was sent
	}
	if s.first.Before(to.first) {
		to.first = s.first
	}
	n := min(len(s.events), mostEvents-len(to.events))
	to.events = append(to.events, s.events[:n]...)
	to.left += s.left + len(s.events) - n
}

// over reports whether nothing more is expected of a call.
func over(c *ring.Call) bool {
	return c.State == ring.Ended || c.State == ring.Failed || c.State == ring.Answered && c.Method != "INVITE" || c.Method == "ACK"
}

func (e *Exporter) post(batch []spanJSON) {
	body, err := json.Marshal(request{[]resourceSpans{{
		Resource:   resource{[]attribute{text("service.name", e.opts.Service)}},
		ScopeSpans: []scopeSpans{{scope{"sipscript"}, batch}},
	}}})
	if err == nil {
		err = e.send(body)
	}
	if err != nil {
		e.dropped.Add(uint64(len(batch)))
		return
	}
	e.sent.Add(uint64(len(batch)))
}

func (e *Exporter) send(body []byte) error {
	ctx, cancel := context.WithTimeout(e.ctx, postTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.opts.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := e.client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	// So that the connection can be used again
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("otel: the collector answers %s", res.Status)
	}
	return nil
}

func nano(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

// json is the span as the collector takes it.
func (s *span) json() spanJSON {
	c := s.call
	trace, id := IDs([]byte(c.ID))
	began, parent := c.Began, ""
	if s.first.After(c.Began) { // what began was sent: the refresh of a registration, say
		began, parent = s.first, hex.EncodeToString(id[:])
		sum := sha256.Sum256(fmt.Appendf(nil, "sipscript span %s %d", c.ID, s.first.UnixNano()))
		id = [8]byte(sum[:8])
	}
	end := s.last
	if !c.Ended.IsZero() {
		end = c.Ended
	}
	j := spanJSON{TraceID: hex.EncodeToString(trace[:]), SpanID: hex.EncodeToString(id[:]), ParentSpanID: parent, Name: c.Method, Kind: spanKindServer, Start: nano(began), End: nano(end), Events: s.events, DroppedEvents: s.left}
	j.Attributes = []attribute{text("sip.call_id", c.ID), text("sip.method", c.Method), text("sip.request_uri", c.URI), text("sip.from", c.From), text("sip.to", c.To),
		text("sip.state", c.State), text("network.peer.address", c.Source.String())}
	if c.Code > 0 {
		j.Attributes = append(j.Attributes, text("sip.status_code", strconv.Itoa(c.Code)))
	}
	if c.Session != "" {
		j.Attributes = append(j.Attributes, text("sip.session_id", c.Session))
	}
	if c.Name != "" {
		j.Attributes = append(j.Attributes, text("sipscript.trace", c.Name))
	}
	if c.EndedBy != "" {
		j.Attributes = append(j.Attributes, text("sip.ended_by", c.EndedBy))
	}
	if c.Code >= 500 && c.Code < 600 {
		j.Status = &status{statusError, fmt.Sprintf("the caller got %d", c.Code)}
	}
	return j
}

func eventOf(r *ring.Record) event {
	j := event{Time: nano(r.At)}
	switch r.Kind {
	case ring.Step, ring.Decision:
		j.Name = r.Function
		j.Attributes = []attribute{text("code.place", r.Place), text("sipscript.answer", r.Answer)}
		return j
	case ring.Received:
		j.Name = "received "
	case ring.Sent:
		j.Name = "sent "
	case ring.Unsent:
		j.Name = "not sent "
	}
	line, _, _ := bytes.Cut(r.Text, []byte("\r\n"))
	j.Name += startLine(string(line))
	j.Attributes = []attribute{text("network.transport", r.Transport.String()), text("network.peer.address", r.Peer.String())}
	if r.Answer != "" {
		j.Attributes = append(j.Attributes, text("error", r.Answer))
	}
	return j
}

// startLine is what a start line says in short: the method, or the code and its phrase.
func startLine(line string) string {
	if rest, ok := strings.CutPrefix(line, "SIP/2.0 "); ok {
		return rest
	}
	method, _, _ := strings.Cut(line, " ")
	return method
}
