package spec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind"
)

// This file is the world of `sipscript repl`: a server that runs the script, somebody who sends it
// what a person pastes, and virtual time.

// ConsoleOptions are those of a console. Script, or Source with Name, is required.
type ConsoleOptions struct {
	Script       string
	Source, Name string
	// Modules is as in Options.
	Modules func(out Outside) ([]luabind.Opener, error)
	Args    map[string]string // sip.args
	Domains []string          // default example.com
	Budget  time.Duration     // of what is typed, and of the script's handlers
	Memory  int               // bytes, 0 for the default
	Seed    uint64            // of the simulator's chances
}

// Console is a script's world with a prompt. Its methods are for one goroutine.
type Console struct {
	w      *world
	server *server
	you    *sim.Host
	hops   int // shown
	logged int // records shown
	sent   int // messages that were pasted
	last   string
	uris   map[string]string // that were asked for, by branch
	texts  []hop             // what went over the links since the last paste
}

// Virtual times.
const (
	arrival     = 50 * time.Millisecond // of a message, and of what follows from it
	longestLine = 10 * time.Minute      // that may be waited for a line
)

// yourAddr is where pasted messages come from.
const yourAddr = "10.0.1.1:5060"

// NewConsole starts the script. The error is for its author.
func NewConsole(o ConsoleOptions) (*Console, error) {
	opts := &Options{Modules: o.Modules, Seed: o.Seed}
	w := bareWorld("console", o.Seed, opts)
	w.console, w.ladder.texts = &luabind.Console{}, true
	so := defaultServer("")
	so.Script, so.Source, so.name, so.Args, so.memory = o.Script, o.Source, o.Name, o.Args, o.Memory
	if o.Domains != nil {
		so.Domains = o.Domains
	}
	if o.Budget > 0 {
		so.Budget = o.Budget
	}
	s, err := w.start(nil, so)
	if err != nil {
		w.close()
		return nil, err
	}
	c := &Console{w: w, server: s, uris: map[string]string{}}
	c.you = w.sim.Host(yourAddr, c.receive)
	w.ladder.phones = []party{{Name: "you", IP: c.you.Addr().Addr(), Port: c.you.Addr().Port()}}
	w.sim.Run(0)
	return c, nil
}

// Close ends the world.
func (c *Console) Close() { c.w.close() }

// Addr is where the server listens.
func (c *Console) Addr() netip.AddrPort { return c.server.addr }

// Lines are what a line had printed: results, then what went over the links and what was logged in
// the meantime.
type Lines struct {
	Results []string // a line for each value that was returned
	Ladder  string   // what went over the links; "" if nothing did
	Log     string   // what scripts and the server logged
}

func (c *Console) lines(results ...string) Lines {
	hops, n := c.w.ladder.since(c.hops)
	c.hops = n
	l := Lines{Results: results}
	if len(hops) > 0 {
		l.Ladder = c.w.ladder.draw(hops, 0)
		c.texts = append(c.texts, hops...)
	}
	l.Log, c.logged = c.w.log.since(c.logged, slog.LevelInfo)
	return l
}

// Send sends a message as it was pasted, with what it lacks to be one, and holds it: req is then
// that request.
func (c *Console) Send(text string) (Lines, error) {
	b, err := c.complete(text)
	if err != nil {
		return Lines{}, err
	}
	if c.Holds() { // its handler ends here; an error of it is told
		err = c.wait(func(l *lane.Lane, done func(error)) { c.w.console.Release(l, done) })
	}
	c.last, c.texts = text, nil
	c.onLane(func(*lane.Lane) { c.w.console.Take = true })
	c.you.SendTo(c.server.addr, b)
	c.w.sim.RunUntil(arrival, func() bool { return c.held() != "" })
	held := c.held()
	if held == "" {
		c.w.sim.Run(arrival)
		c.onLane(func(*lane.Lane) { c.w.console.Take = false })
		return c.lines(), err
	}
	return c.lines("req = " + held), err
}

// receive acknowledges refusals, so that they come once (§17.1.1.3).
func (c *Console) receive(p sim.Packet) {
	m := &message.Message{}
	if err := m.Parse(p.Bytes, &message.Limits{}); err != nil || m.IsRequest() || m.Status() < 300 {
		return
	}
	cseq, err := m.CSeq()
	via, viaErr := m.TopVia()
	if err != nil || viaErr != nil || string(cseq.Text) != "INVITE" {
		return
	}
	c.you.Answer(p, fmt.Appendf(nil, "ACK %s SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d ACK\r\nContent-Length: 0\r\n\r\n",
		c.uris[string(via.Branch())], m.Header(message.HeaderVia), m.Header(message.HeaderFrom), m.Header(message.HeaderTo), m.CallID(), cseq.Number))
}

// Again is Send of the last message.
func (c *Console) Again() (Lines, error) {
	if c.last == "" {
		return Lines{}, errors.New("nothing has been pasted yet")
	}
	return c.Send(c.last)
}

// onLane runs f with the token of the server's lane.
func (c *Console) onLane(f func(*lane.Lane)) {
	c.w.sim.Do(func() { c.server.engine.Lanes()[0].Run(lane.Func(f), nil) })
}

func (c *Console) held() (text string) {
	c.onLane(func(*lane.Lane) { text = c.w.console.Held() })
	return text
}

// Holds reports whether a request is in hand.
func (c *Console) Holds() bool { return c.held() != "" }

// Run runs what was typed: an expression, whose values are shown, or statements. route(req) is
// Release.
func (c *Console) Run(text string) (Lines, error) {
	if strings.TrimSpace(text) == "route(req)" {
		return c.Release()
	}
	var results []string
	err := c.wait(func(l *lane.Lane, done func(error)) {
		c.w.console.Run(l, text, func(list []string, err error) {
			results = list
			done(err)
		})
	})
	return c.lines(results...), err
}

// Release lets the request in hand go: the script's route handles it, if nothing that was typed
// has.
func (c *Console) Release() (Lines, error) {
	err := c.wait(func(l *lane.Lane, done func(error)) { c.w.console.Release(l, done) })
	return c.lines(), err
}

// wait lets time pass until what f begins is done, and what follows from it.
func (c *Console) wait(f func(l *lane.Lane, done func(error))) error {
	over := make(chan error, 1)
	if !c.server.engine.Lanes()[0].Post(lane.Func(func(l *lane.Lane) { f(l, func(err error) { over <- err }) })) {
		return errors.New("the lane is overloaded")
	}
	var err error
	ended := c.w.sim.RunUntil(longestLine, func() bool { return len(over) > 0 })
	if ended {
		if err = <-over; err != nil {
			err = errors.New(failure(err))
		}
	} else {
		err = fmt.Errorf("the line still waits after %v", longestLine)
	}
	c.w.sim.Run(arrival)
	return err
}

// Advance lets virtual time pass.
func (c *Console) Advance(d time.Duration) Lines {
	c.w.sim.Run(d)
	return c.lines()
}

// Reload loads the script again. A request in hand stays with the script it came to.
func (c *Console) Reload() (Lines, error) {
	err := c.w.routers[0].Reload(context.Background())
	c.w.sim.Run(0)
	return c.lines(), err
}

// Texts are the messages that went over the links since the last paste, each with a line about its
// way.
func (c *Console) Texts() []string {
	var list []string
	for _, h := range c.texts {
		list = append(list, fmt.Sprintf("%s to %s:\n%s", h.From, h.To, strings.TrimRight(strings.ReplaceAll(string(h.text), "\r\n", "\n"), "\n")))
	}
	return list
}

// complete makes a request of what was pasted: lines end in CRLF, Content-Length fits, and headers
// that every request has are added (§8.1.1). A branch that was sent before is replaced, or the
// request would be taken for a retransmission.
func (c *Console) complete(text string) ([]byte, error) {
	head, body, _ := strings.Cut(strings.ReplaceAll(strings.TrimLeft(text, "\r\n"), "\r\n", "\n"), "\n\n")
	lines := strings.Split(strings.TrimRight(head, "\n"), "\n")
	first := strings.Fields(lines[0])
	if len(first) != 3 || first[2] != "SIP/2.0" {
		return nil, errors.New("this is not a SIP request: it begins with METHOD URI SIP/2.0")
	}
	c.sent++
	body = strings.TrimRight(body, "\n")
	if body != "" {
		body = strings.ReplaceAll(body, "\n", "\r\n") + "\r\n"
	}
	var b bytes.Buffer
	for _, line := range lines {
		if name, _, _ := strings.Cut(line, ":"); !strings.EqualFold(strings.TrimSpace(name), "Content-Length") && strings.TrimSpace(name) != "l" {
			b.WriteString(line + "\r\n")
		}
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	m := &message.Message{}
	if err := m.Parse(b.Bytes(), &message.Limits{}); err != nil {
		return nil, fmt.Errorf("the message cannot be read: %w", err)
	}
	n := strconv.Itoa(c.sent)
	for _, h := range []struct{ name, value string }{
		{"Via", "SIP/2.0/UDP " + yourAddr + ";branch=z9hG4bK-" + n},
		{"Max-Forwards", "70"},
		{"From", "<sip:you@example.com>;tag=" + n},
		{"To", "<" + first[1] + ">"},
		{"Call-ID", "repl-" + n},
		{"CSeq", n + " " + first[0]},
		{"Contact", "<sip:you@" + yourAddr + ">"},
	} {
		if m.HeaderName(h.name) == nil {
			if err := m.Add(h.name, h.value); err != nil {
				return nil, err
			}
		}
	}
	return c.fresh(m.AppendTo(nil), first[0])
}

// fresh gives a request a new branch if its own was used. An ACK and a CANCEL keep that of their
// INVITE.
func (c *Console) fresh(text []byte, method string) ([]byte, error) {
	m := &message.Message{}
	if err := m.Parse(text, &message.Limits{}); err != nil {
		return nil, err
	}
	via, err := m.TopVia()
	if err != nil {
		return nil, fmt.Errorf("the Via cannot be read: %w", err)
	}
	branch := string(via.Branch())
	if c.uris[branch] != "" && method != "ACK" && method != "CANCEL" {
		next := fmt.Sprintf("%s-%d", branch, c.sent)
		text = bytes.Replace(text, []byte(branch), []byte(next), 1)
		branch = next
	}
	if method != "ACK" && method != "CANCEL" {
		c.uris[branch] = string(m.RequestURI())
	}
	return text, nil
}
