package kemi

// What is known of a request, and of the handler that runs.

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/kemi/cfg"
	"github.com/sipscript/sipscript/modules/kemi/pv"
)

// shim is what KSR is made of in one VM.
type shim struct {
	module  *module
	script  string
	groups  []string // of the table address, that the script asks for
	sets    []string // of gateways, likewise
	rows    map[string]*Row
	limit   pikeRule      // of pike, as it is configured
	nat     uint32        // the branch flag of a contact behind a NAT
	dialogs *luabind.Func // of services.lua: what a call that is tracked has under a name
	// The functions for all responses, and for what is sent
	replyRoute, onsendRoute string
	// What was read of what the script wrote
	vars        parsed[*pv.Var]
	texts       parsed[pv.Text]
	expressions parsed[*regexp.Regexp]
}

// kind is what runs.
type kind uint8

const (
	inRequest kind = iota
	inBranch
	inReply
	inFailure
	inEvent // there is no request
	inBranchFailure
)

// session is what belongs to a request: what the script made of it, and what it keeps with it. It
// belongs to the request's lane.
type session struct {
	req *engine.Request // while a function of KSR runs
	// The Request-URI as the script sees it, and the destination it set; set: they are not those of
	// the message.
	ruri, duri string
	set        bool
	contact    int // the place of ruri among the contacts of a lookup, from 1; 0: it is none
	// ownRURI, ownDURI: the script chose the host, and not who sent the request
	ownRURI, ownDURI bool
	branches         []branch // beside ruri
	// What loose_route found
	loose    looseness
	noRoutes bool             // the script removed Route
	tried    int              // branches that were sent
	round    int              // those before the present round
	skip     int              // 1: only the further branches are tried
	changed  bool             // a failure function set the Request-URI
	sent     []uintptr        // the identity of each
	contacts []*engine.Target // that a lookup found

	flags    uint32
	bflags   uint32
	xflags   uint64 // those of corex
	avps     map[string][]pv.Value
	xavps    map[string][]map[string][]pv.Value
	vars     map[string]pv.Value
	dialog   map[string]string // $dlg_var
	edits    []edit            // of headers, not in the message yet
	answers  []engine.HeaderEdit
	rrParam  string
	rr       bool
	from, to party
	aliased  bool

	looseURI  string // $du as loose_route left it
	foundURI  string // and as lookup did
	frInv, fr time.Duration

	onBranch, onReply, onFailure string
	onBranchFailure              string
	armed                        string // onFailure when it was relayed, until it failed
	newtran, relayed, replied    bool
	suspended                    bool   // t_suspend was called
	awaited                      bool   // and its end ends the wait
	next                         string // the function that an asynchronous one has put off
	nextAfter                    time.Duration
	tid                          transaction // zero until it is asked for
	user                         string      // who has proved to have sent it
	realm                        string
}

// branch is a further destination.
type branch struct {
	uri, duri string
	contact   int
	flags     uint32
	own       bool // the script chose where it goes
}

// looseness is what loose_route found.
type looseness uint8

const (
	notAsked  looseness = iota
	ours                // along our signed Record-Route
	unsigned            // along our Route, whose signature does not hold
	elsewhere           // along another's Route
	nowhere             // there is no Route
)

// frame is one run of a handler.
type frame struct {
	kind    kind
	event   *event   // of the callback of an event
	session *session // and what it keeps
	answer  *answer  // to an HTTP request
	branch  *engine.Branch
	res     *engine.Response
	index   int // of the branch
	dropped bool
	edits   []edit
	uri     string // of the branch, as the script set it
	quiet   bool   // onsend: changes have no effect
	aliased bool
}

// Bounds of what is kept of the texts that a VM has parsed. Scripts make texts of what a peer has
// sent: those that are long, or that are none, are parsed each time.
const (
	maxParsed     = 1024
	maxParsedText = 256
)

// parsed are texts as they were read.
type parsed[T any] map[string]T

// read parses a text, unless it is known. When there is no place left all are forgotten: what the
// script writes itself is soon there again.
func (p parsed[T]) read(text string, parse func(string) (T, error)) (T, error) {
	v, ok := p[text]
	if ok {
		return v, nil
	}
	v, err := parse(text)
	if err != nil || len(text) > maxParsedText {
		return v, err
	}
	if len(p) >= maxParsed {
		clear(p)
	}
	p[text] = v
	return v, nil
}

func (sh *shim) variable(name string) (*pv.Var, error) { return sh.vars.read(name, pv.Parse) }

func (sh *shim) text(text string) (pv.Text, error) { return sh.texts.read(text, pv.ParseText) }

// expression is a regular expression.
func (sh *shim) expression(text string) (*regexp.Regexp, error) {
	return sh.expressions.read(text, regexp.Compile)
}

// running is the session and the frame of the handler that runs; nil at file level.
func (sh *shim) running(c *luabind.Call) (*session, *frame) {
	req, kept, at := c.Running()
	if at == nil {
		return nil, nil
	}
	f, _ := (*at).(*frame)
	switch {
	case f == nil:
		return nil, nil
	case kept == nil:
		return f.session, f
	}
	s, _ := (*kept).(*session)
	s.req = req
	return s, f
}

// enter begins a frame; the request's session is made with its first.
func (sh *shim) enter(c *luabind.Call, f *frame) *session {
	req, kept, at := c.Running()
	s, ok := (*kept).(*session)
	if !ok {
		s = &session{}
		*kept = s
	}
	s.req = req
	*at = f
	return s
}

// message is what the frame is about.
func (k *call) message() *message.Message {
	switch {
	case k.f.res != nil && k.f.kind == inReply:
		return k.f.res.Message()
	case k.f.branch != nil:
		return k.f.branch.Message()
	case k.f.event != nil:
		return k.f.event.msg
	}
	return k.s.req.Message()
}

// uri is the present Request-URI, "" in a reply.
func (k *call) uri() string {
	switch k.f.kind {
	case inReply:
		return ""
	case inEvent:
		if k.s.set {
			return k.s.ruri
		}
		return k.f.event.uri
	case inBranch:
		if k.f.uri != "" {
			return k.f.uri
		}
		return string(k.f.branch.Message().RequestURI())
	}
	return k.s.uri()
}

func (s *session) uri() string {
	if s.set {
		return s.ruri
	}
	return string(s.req.Message().RequestURI())
}

// setURI changes the Request-URI, and with it what the lookup found for it.
func (k *call) setURI(uri string) {
	if k.f.kind == inBranch {
		k.f.uri = uri
		return
	}
	k.s.ruri, k.s.set, k.s.contact, k.s.changed = uri, true, 0, true
	if k.f.kind == inEvent {
		return
	}
	k.s.ownRURI = !sameHost(uri, string(k.s.req.Message().RequestURI()))
}

// setDestinationURI sets $du as the script wants it; "" unsets it.
func (k *call) setDestinationURI(uri string) { k.s.duri, k.s.ownDURI = uri, uri != "" }

// own reports whether the script chose where the request goes.
func (s *session) own() bool {
	switch {
	case s.contact > 0:
		return true
	case s.duri != "":
		return s.ownDURI
	}
	return s.ownRURI
}

// stranger reports whether a request that claims to be within a dialog would go where its sender
// says, without a signature of ours: anybody can write a To tag and a Route. What the script has
// chosen itself is not concerned, nor is a script that did not ask for the Route.
func (s *session) stranger() bool {
	if !s.req.InDialog() || s.loose == notAsked || s.loose == ours {
		return false
	}
	return !s.own() || slices.ContainsFunc(s.branches, func(b branch) bool { return !b.own })
}

// sameHost reports whether two URIs have the same host: a URI with another user or port leads to
// the same party.
func sameHost(a, b string) bool {
	u, err := message.ParseURI([]byte(a))
	v, err2 := message.ParseURI([]byte(b))
	return err == nil && err2 == nil && strings.EqualFold(string(u.Host), string(v.Host))
}

// functions are those of the table that ksr.lua gets: KSR, and what it is made with.
func (sh *shim) functions(config *cfg.Config) []luabind.Function {
	sh.rows, sh.vars, sh.texts, sh.expressions = map[string]*Row{}, parsed[*pv.Var]{}, parsed[pv.Text]{}, parsed[*regexp.Regexp]{}
	sh.limit, sh.nat = sh.pike(), sh.natFlag()
	sh.replyRoute = cmp.Or(sh.module.callbackOf("core", "kemi.reply_route_callback"), "ksr_reply_route")
	sh.onsendRoute = cmp.Or(sh.module.callbackOf("core", "kemi.onsend_route_callback"), "ksr_onsend_route")
	rows := Rows()
	list := sh.hooks(config)
	for i := range rows {
		row := &rows[i]
		sh.rows[row.Name] = row
		if row.call != nil && loaded(config, moduleOf(row.Name)) {
			list = append(list, sh.bind(row))
		}
	}
	return list
}

// has reports whether a list separated by "|" has a word, in any case.
func has(list, word string) bool {
	for part := range strings.SplitSeq(list, "|") {
		if strings.EqualFold(strings.TrimSpace(part), word) {
			return true
		}
	}
	return false
}
