package main

// Listeners that are added and removed while the server runs: their part of the admin API, their
// command and their figure.

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/modules/all"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/ops/openapi"
)

// longestDrain bounds the time that a listener which was removed may stay.
const longestDrain = 24 * time.Hour

const listenersPath = "/api/v1/listeners"

// What the operations take and answer.
type (
	listenersAnswer struct {
		Listeners []listenerAnswer `json:"listeners"`
	}
	listenerAnswer struct {
		Transport   string     `json:"transport" doc:"udp, tcp, tls, ws or wss"`
		Address     string     `json:"address" doc:"where it is bound"`
		Listener    string     `json:"listener" doc:"its name, as from_socket has it"`
		Advertised  string     `json:"advertised" doc:"what peers are told, in Via and Record-Route"`
		State       string     `json:"state" doc:"serving or leaving"`
		Connections int        `json:"connections" doc:"those that are open"`
		Until       *time.Time `json:"until,omitempty" doc:"of one that leaves: when its drain is over"`
	}
	listenBody struct {
		Listen    string `json:"listen" doc:"PROTO:HOST:PORT, with its options, as --listen has it"`
		Advertise string `json:"advertise,omitempty" doc:"HOST or HOST:PORT that peers are told"`
		Cert      string `json:"tls_cert,omitempty" doc:"a file of the server's machine, for tls and wss: a further certificate"`
		Key       string `json:"tls_key,omitempty" doc:"the file of its key"`
	}
)

func (s *server) listenerOperations() []openapi.Operation {
	return []openapi.Operation{
		{Method: "GET", Path: listenersPath, Summary: "list where the server listens", Answer: listenersAnswer{}, Fails: []int{503}, Serve: s.once(s.answerListeners)},
		{Method: "POST", Path: listenersPath, Summary: "listen at one more address until the server stops", Body: listenBody{}, Answer: listenerAnswer{},
			Fails: []int{400, 409, 422, 503}, Serve: s.once(s.addListener)},
		{Method: "DELETE", Path: listenersPath, Summary: "stop listening at an address; what is in progress there may end", Answer: listenerAnswer{},
			Query: []openapi.Param{{Name: "listener", Doc: "PROTO:HOST:PORT", Required: true},
				{Name: "drain", Doc: "for how long dialogs and connections continue, such as 10m; --drain if it is not given"}},
			Fails: []int{400, 404, 409, 503}, Serve: s.once(s.removeListener)},
	}
}

// describeListener is what is told of one.
func (s *server) describeListener(l *transport.Local, until time.Time) listenerAnswer {
	a := listenerAnswer{Transport: l.Kind.String(), Address: l.Addr.String(), Listener: l.Name, Advertised: l.SentBy, State: "serving", Connections: s.engine.Connections(l)}
	if !until.IsZero() {
		until = until.UTC().Truncate(time.Second)
		a.State, a.Until = "leaving", &until
	}
	return a
}

func (s *server) answerListeners(w http.ResponseWriter, _ *http.Request) {
	list := []listenerAnswer{}
	for _, l := range s.engine.Locals() {
		list = append(list, s.describeListener(l, time.Time{}))
	}
	for _, l := range s.engine.Leaving() {
		list = append(list, s.describeListener(l.Local, l.Until))
	}
	host.Answer(w, http.StatusOK, listenersAnswer{list})
}

// notServing refuses what a server that starts or drains does not do.
func (s *server) notServing(w http.ResponseWriter) bool {
	if err := s.ready(); err != nil {
		host.Refuse(w, http.StatusConflict, err)
		return true
	}
	return false
}

func (s *server) addListener(w http.ResponseWriter, r *http.Request) {
	var b listenBody
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(&b); err != nil || b.Listen == "" {
		host.Refuse(w, http.StatusBadRequest, errors.New(`expected {"listen": "PROTO:HOST:PORT"}`))
		return
	}
	if err := checkAdded(&b); err != nil {
		host.Refuse(w, http.StatusBadRequest, err)
		return
	}
	if s.notServing(w) {
		return
	}
	l, err := s.listenAt(&b)
	if err != nil {
		host.Refuse(w, http.StatusUnprocessableEntity, err)
		return
	}
	fmt.Fprintf(s.stderr, "listening %s %s\n", l.Kind, l.Addr)
	host.Answer(w, http.StatusOK, s.describeListener(l, time.Time{}))
}

// checkAdded refuses what no server can add.
func checkAdded(b *listenBody) error {
	for _, p := range host.Listens(all.Plugins()) {
		if strings.HasPrefix(b.Listen, p.Name+":") {
			return fmt.Errorf("%s cannot be added while the server runs: its clients hold addresses of it for long; add --listen %s and start the server again", p.Name, b.Listen)
		}
	}
	spec, err := transport.ParseListen(b.Listen)
	switch {
	case err != nil:
		return err
	case (b.Cert == "") != (b.Key == ""):
		return errors.New("tls_cert and tls_key belong together")
	case b.Cert != "" && !spec.Kind.Secure():
		return fmt.Errorf("%s has no certificate: only tls and wss have", spec.Kind)
	}
	return nil
}

// listenAt opens a listener, with a certificate of its own if it has one.
func (s *server) listenAt(b *listenBody) (*transport.Local, error) {
	if b.Cert == "" {
		l, err := s.engine.AddListener(b.Listen, b.Advertise)
		return l, explainListen(err)
	}
	s.reloads.one.Lock() // which reads the same files
	defer s.reloads.one.Unlock()
	before, f := s.set.tls, transport.TLSFiles{Cert: b.Cert, Key: b.Key}
	added := !slices.Contains(before, f)
	if added {
		if err := s.engine.AddCertificate(f); err != nil {
			return nil, err
		}
		s.set.tls = append(slices.Clone(before), f)
	}
	err := s.checkTLS() // for its expiry, and a warning
	var l *transport.Local
	if err == nil {
		l, err = s.engine.AddListener(b.Listen, b.Advertise)
		err = explainListen(err)
	}
	if err != nil && added && s.engine.RemoveCertificate(f) == nil {
		s.set.tls = before
		s.forgetExpiry(f.Cert)
	}
	return l, err
}

func (s *server) removeListener(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	drain := s.set.drain
	if text := q.Get("drain"); text != "" {
		var err error
		if drain, err = time.ParseDuration(text); err != nil || drain < 0 || drain > longestDrain {
			host.Refuse(w, http.StatusBadRequest, fmt.Errorf("drain=%.40s: expected a time from 0s to %s, such as 10m", text, longestDrain))
			return
		}
	}
	if s.notServing(w) {
		return
	}
	l, err := s.engine.RemoveListener(q.Get("listener"), drain)
	switch {
	case errors.Is(err, engine.ErrNoSuchListener):
		host.Refuse(w, http.StatusNotFound, err)
	case err != nil:
		host.Refuse(w, http.StatusConflict, err)
	default:
		host.Answer(w, http.StatusOK, s.describeListener(l, time.Now().Add(drain)))
	}
}

// listenersCommand is `sipscript listeners`.
func listenersCommand() host.Command {
	show := host.ShowFlags()
	return host.Command{Name: "listeners", Usage: "show and change where a running server listens", Remote: true, Flags: show, Sub: []host.Command{
		{Name: "list", Usage: "show them", Remote: true, Flags: show, Run: showListeners},
		{Name: "add", Usage: "listen at one more address until the server stops; it is one of --listen then", Args: "PROTO:HOST:PORT", Remote: true, Flags: []host.Flag{
			{Name: "advertise", Usage: "tell peers `HOST` or HOST:PORT instead of its address"},
			{Name: "tls-cert", Usage: "show the certificate in `FILE`, on the server's machine, to clients that ask for a name in it"},
			{Name: "tls-key", Usage: "the `FILE` of its key"},
		}, Run: addListener},
		{Name: "remove", Usage: "stop listening at an address: what is in progress there may end first", Args: "PROTO:HOST:PORT", Remote: true, Flags: []host.Flag{
			{Name: "drain", DefaultText: "the server's --drain", Usage: "let dialogs and connections there continue for `TIME`, such as 10m"},
		}, Run: removeListener},
	}, Run: func(c *host.Invocation) error { return c.Alone(showListeners, "list", "add", "remove") }}
}

func showListeners(c *host.Invocation) error {
	if err := noArgs(c); err != nil {
		return err
	}
	return host.Show(c, listenersPath, func(a *listenersAnswer) host.View {
		rows := [][]string{{"PROTOCOL", "ADDRESS", "ADVERTISED", "STATE", "CONNECTIONS", "UNTIL"}}
		for _, l := range a.Listeners {
			until := ""
			if l.Until != nil {
				until = l.Until.Format(time.RFC3339)
			}
			rows = append(rows, []string{l.Transport, l.Address, l.Advertised, l.State, fmt.Sprint(l.Connections), until})
		}
		return host.View{Table: host.Table(rows...)}
	})
}

// oneListener is the argument of a command.
func oneListener(c *host.Invocation) (string, error) {
	if len(c.Args) != 1 {
		return "", host.Usagef("%s: expected one PROTO:HOST:PORT, such as udp:192.0.2.1:5060", c.Command)
	}
	return c.Args[0], nil
}

func addListener(c *host.Invocation) error {
	text, err := oneListener(c)
	if err != nil {
		return err
	}
	b := listenBody{Listen: text, Advertise: c.Flags.Text("advertise"), Cert: c.Flags.Text("tls-cert"), Key: c.Flags.Text("tls-key")}
	if err := checkAdded(&b); err != nil {
		return host.Usagef("%s: %v", c.Command, err)
	}
	body, err := json.Marshal(b)
	if err != nil {
		return err
	}
	answer, err := c.Ask(http.MethodPost, listenersPath, strings.NewReader(string(body)))
	var a listenerAnswer
	if err == nil {
		err = json.Unmarshal(answer, &a)
	}
	if err == nil {
		_, err = fmt.Fprintf(c.Stdout, "listening %s %s\n", a.Transport, a.Address)
	}
	return err
}

func removeListener(c *host.Invocation) error {
	text, err := oneListener(c)
	if err != nil {
		return err
	}
	q := url.Values{"listener": {text}}
	if drain := c.Flags.Text("drain"); drain != "" {
		if _, err := time.ParseDuration(drain); err != nil {
			return host.Usagef("%s: --drain %s: expected a time, such as 10m", c.Command, drain)
		}
		q.Set("drain", drain)
	}
	answer, err := c.Ask(http.MethodDelete, listenersPath+"?"+q.Encode(), nil)
	var a listenerAnswer
	if err == nil {
		err = json.Unmarshal(answer, &a)
	}
	if err == nil && a.Until != nil {
		_, err = fmt.Fprintf(c.Stdout, "%s %s leaves, and is closed after %s\n", a.Transport, a.Address, a.Until.Format(time.RFC3339))
	}
	return err
}

// listenerFigure counts listeners by protocol and state.
type listenerFigure struct{ engine *engine.Engine }

var listenersDesc = prometheus.NewDesc("sipscript_listeners", "Listeners there are, by transport and state.", []string{"transport", "state"}, nil)

// Describe implements prometheus.Collector.
func (f listenerFigure) Describe(ch chan<- *prometheus.Desc) { ch <- listenersDesc }

// Collect implements prometheus.Collector.
func (f listenerFigure) Collect(ch chan<- prometheus.Metric) {
	type label struct{ transport, state string }
	counts := map[label]int{}
	for _, l := range f.engine.Locals() {
		counts[label{l.Kind.String(), "serving"}]++
	}
	for _, l := range f.engine.Leaving() {
		counts[label{l.Local.Kind.String(), "leaving"}]++
	}
	for l, n := range counts {
		ch <- prometheus.MustNewConstMetric(listenersDesc, prometheus.GaugeValue, float64(n), l.transport, l.state)
	}
}
