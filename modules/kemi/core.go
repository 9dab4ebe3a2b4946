package kemi

// The functions of the core: KSR.is_INVITE, KSR.setflag, KSR.info …

import (
	"log/slog"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
)

// exitText is the error by which KSR.x.exit unwinds. Scripts that catch it see the same there.
const exitText = "~~ksr~exit~~"

// methods have a function each, "is_" and the name.
var methods = []string{"INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "SUBSCRIBE", "PUBLISH", "NOTIFY", "REFER", "INFO", "UPDATE", "PRACK", "MESSAGE", "KDMQ", "GET", "POST", "PUT", "DELETE"}

// letters are those of is_method_in. INFO has none.
var letters = [256]string{'I': "INVITE", 'A': "ACK", 'B': "BYE", 'C': "CANCEL", 'M': "MESSAGE", 'R': "REGISTER", 'S': "SUBSCRIBE", 'N': "NOTIFY", 'O': "OPTIONS",
	'E': "PRACK", 'P': "PUBLISH", 'F': "REFER", 'U': "UPDATE", 'G': "GET", 'K': "KDMQ", 'D': "DELETE", 'T': "POST", 'V': "PUT"}

func coreRows() []Row {
	var rows []Row
	for _, name := range methods {
		rows = append(rows, Row{Name: "is_" + name, Result: "bool", Does: "compares the method; in replies that of CSeq",
			call: func(k *call) int { return k.bool(k.isMethod(name)) }})
	}
	rows = append(rows, []Row{
		{Name: "is_WS", Result: "bool", Does: "whether it came over a WebSocket", call: func(k *call) int {
			return k.bool(strings.HasPrefix(k.source().Transport.String(), "ws"))
		}},
		{Name: "is_TCP", Result: "bool", Does: "whether it came over TCP", call: overTransport("tcp")},
		{Name: "is_UDP", Result: "bool", Does: "whether it came over UDP", call: overTransport("udp")},
		{Name: "is_TLS", Result: "bool", Does: "whether it came over TLS", call: overTransport("tls")},
		{Name: "is_method", Params: "s", Result: "bool", Does: "compares the method with a list separated by |",
			call: func(k *call) int { return k.bool(has(k.str(1), k.method())) }},
		{Name: "is_method_in", Params: "s", Result: "bool", Does: "compares the method with letters", call: methodIn},
		{Name: "is_myself", Params: "s", Result: "bool", Does: "whether a URI or host is this server's", call: func(k *call) int { return k.bool(k.local(k.str(1), true)) }},
		{Name: "is_myself_ruri", Result: "bool", Does: "whether the Request-URI is this server's",
			call: func(k *call) int { return k.bool(k.f.kind != inReply && k.local(k.uri(), false)) }},
		{Name: "is_myself_furi", Result: "bool", Does: "whether From is this server's", call: func(k *call) int {
			a, err := k.message().From()
			return k.bool(err == nil && k.local(string(a.URI), false))
		}},
		{Name: "is_myself_turi", Result: "bool", Does: "whether To is this server's", call: func(k *call) int {
			a, err := k.message().To()
			return k.bool(err == nil && k.local(string(a.URI), false))
		}},
		{Name: "is_myself_duri", Result: "bool", Does: "whether the destination that was set is this server's", call: func(k *call) int { return k.bool(k.local(k.s.duri, false)) }},
		{Name: "is_myself_srcip", Result: "bool", Does: "whether the source address is one that this server listens at", call: func(k *call) int { return k.bool(k.listensAt()) }},
		{Name: "setflag", Params: "i", Result: "bool", Does: "sets a flag of the request", call: func(k *call) int { return k.flag(&k.s.flags, 1, set) }},
		{Name: "resetflag", Params: "i", Result: "bool", Does: "resets a flag of the request", call: func(k *call) int { return k.flag(&k.s.flags, 1, reset) }},
		{Name: "isflagset", Params: "i", Result: "bool", Does: "tests a flag of the request", call: func(k *call) int { return k.flag(&k.s.flags, 1, test) }},
		{Name: "setbflag", Params: "i", Result: "bool", Does: "sets a flag of the branch", call: func(k *call) int { return k.flag(k.branchFlags(0), 1, set) }},
		{Name: "resetbflag", Params: "i", Result: "bool", Does: "resets a flag of the branch", call: func(k *call) int { return k.flag(k.branchFlags(0), 1, reset) }},
		{Name: "isbflagset", Params: "i", Result: "bool", Does: "tests a flag of the branch", call: func(k *call) int { return k.flag(k.branchFlags(0), 1, test) }},
		{Name: "setbiflag", Params: "ii", Result: "bool", Does: "sets a flag of a branch by its index", call: func(k *call) int { return k.flag(k.branchFlags(k.int(2)), 1, set) }},
		{Name: "isbiflagset", Params: "ii", Result: "bool", Does: "tests a flag of a branch by its index", call: func(k *call) int { return k.flag(k.branchFlags(k.int(2)), 1, test) }},
		{Name: "isdsturiset", Result: "bool", Does: "whether $du is set", call: func(k *call) int { return k.bool(k.s.duri != "") }},
		{Name: "force_rport", Result: "bool", Does: "nothing: rport is always honoured", Differs: "replies always go to the source port (RFC 3581)", call: yes},
		{Name: "add_local_rport", Result: "bool", Does: "nothing: our Via has rport", call: yes},
		{Name: "set_reply_no_connect", Result: "bool", Does: "nothing: replies go on the connection of the request", call: yes},
		{Name: "set_reply_close", Result: "bool", Does: "nothing: idle connections are closed in time", call: yes},
		{Name: "set_forward_no_connect", Result: "bool", Does: "nothing", call: yes},
		{Name: "set_forward_close", Result: "bool", Does: "nothing", call: yes},
		{Name: "set_drop", Result: "none", Does: "marks the reply or the branch to be dropped", Differs: "a final reply is never dropped",
			call: func(k *call) int { k.f.dropped = true; return k.none() }},
		{Name: "x.exit", Result: "none", Does: "ends the handler", call: func(k *call) int { return k.c.Quit(exitText) }},
		{Name: "x.drop", Result: "none", Does: "as set_drop and x.exit", call: func(k *call) int { k.f.dropped = true; return k.c.Quit(exitText) }},
		{Name: "seturi", Params: "s", Result: "bool", Does: "sets the Request-URI", call: func(k *call) int { k.setURI(k.str(1)); return k.bool(true) }},
		{Name: "setuser", Params: "s", Result: "bool", Does: "sets the user of the Request-URI", call: func(k *call) int { k.setPart("user", k.str(1)); return k.bool(true) }},
		{Name: "sethost", Params: "s", Result: "bool", Does: "sets host and port of the Request-URI", call: func(k *call) int { k.setPart("host", k.str(1)); return k.bool(true) }},
		{Name: "setdsturi", Params: "s", Result: "bool", Does: "sets $du", call: func(k *call) int { k.setDestinationURI(k.str(1)); return k.bool(true) }},
		{Name: "resetdsturi", Result: "bool", Does: "unsets $du", call: func(k *call) int { k.setDestinationURI(""); return k.bool(true) }},
		{Name: "log", Params: "ss", Result: "none", Does: "writes to the log", call: func(k *call) int { return k.write(level(k.str(1)), 2) }},
	}...)
	for _, name := range []string{"dbg", "info", "notice", "warn", "err", "crit"} {
		rows = append(rows, Row{Name: name, Params: "s", Result: "none", Does: "writes to the log, with the Call-ID", call: func(k *call) int { return k.write(level(name), 1) }})
	}
	return rows
}

func yes(k *call) int { return k.bool(true) }

func overTransport(name string) func(*call) int {
	return func(k *call) int { return k.bool(k.source().Transport.String() == name) }
}

// method is the request's, in a reply that of its CSeq.
func (k *call) method() string {
	m := k.message()
	if m.IsRequest() {
		return string(m.MethodText())
	}
	if c, err := m.CSeq(); err == nil {
		return string(c.Text)
	}
	return string(k.s.req.Message().MethodText())
}

// isMethod compares method without making a text of it.
func (k *call) isMethod(name string) bool {
	if m := k.message(); m.IsRequest() {
		return string(m.MethodText()) == name
	}
	return k.method() == name
}

func methodIn(k *call) int {
	text := k.str(1)
	for i := range len(text) {
		c := text[i]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		name := letters[c]
		if name == "" {
			k.log("there is no method of the letter " + string(rune(c)))
		}
		if name != "" && k.isMethod(name) {
			return k.bool(true)
		}
	}
	return k.bool(false)
}

// local reports whether a URI is this server's: its domains at any port, its addresses at their
// port. plain: a host without a scheme will do.
func (k *call) local(text string, plain bool) bool {
	e := k.sh.module.host.Engine()
	if e == nil || text == "" {
		return false
	}
	u, err := message.ParseURI([]byte(text))
	if err != nil || !u.IsSIP() {
		if plain && !strings.HasPrefix(text, "tel:") {
			u, err = message.ParseURI([]byte("sip:" + text))
			return err == nil && k.localHost(&u)
		}
		return false
	}
	return k.localHost(&u)
}

// localHost compares address and port of a URI, and its transport, with what this server has.
func (k *call) localHost(u *message.URI) bool {
	e := k.sh.module.host.Engine()
	host := string(u.Host)
	if e.Domains().Has(host) {
		return true
	}
	if e.IsLocal(host, u.Port) {
		t, named := u.Params.Get("transport")
		if !named {
			return true
		}
		for _, l := range e.Locals() {
			if strings.EqualFold(l.Kind.String(), string(t)) {
				return true
			}
		}
		return false
	}
	return u.Port == 0 && listens(k, host)
}

func listens(k *call, host string) bool {
	for _, l := range k.sh.module.host.Engine().Locals() {
		if l.Addr.Addr().Unmap().String() == host {
			return true
		}
	}
	return false
}

// listensAt compares addresses, and makes no texts of them.
func (k *call) listensAt() bool {
	from := k.source().Addr.Addr().Unmap()
	for _, l := range k.sh.module.host.Engine().Locals() {
		if l.Addr.Addr().Unmap() == from {
			return true
		}
	}
	return false
}

// What is done with a flag.
const (
	test = iota
	set
	reset
)

// flag reads or changes the flag that an argument names.
func (k *call) flag(flags *uint32, at, what int) int {
	n := k.int(at)
	if n < 0 || n > 31 {
		k.log("flags are numbers from 0 to 31")
		return k.bool(false)
	}
	bit := uint32(1) << n
	switch {
	case flags == nil: // a branch that is not there
		return k.bool(what == set)
	case what == set:
		*flags |= bit
	case what == reset:
		*flags &^= bit
	default:
		return k.bool(*flags&bit != 0)
	}
	return k.bool(true)
}

// branchFlags are those of the branch that runs, or of one by its index; nil if there is none.
func (k *call) branchFlags(i int) *uint32 {
	if k.f.kind == inBranch || k.f.kind == inReply {
		if i == 0 {
			i = k.f.index
		}
	}
	switch {
	case i <= 0:
		return &k.s.bflags
	case i <= len(k.s.branches):
		return &k.s.branches[i-1].flags
	case k.f.kind != inRequest:
		return &k.s.bflags
	}
	return nil
}

// level is a level of the log; an unknown one is that of errors.
func level(name string) slog.Level {
	switch strings.ToLower(name) {
	case "dbg":
		return slog.LevelDebug
	case "info", "notice":
		return slog.LevelInfo
	case "warn":
		return slog.LevelWarn
	}
	return slog.LevelError
}

// write logs the text at an argument.
func (k *call) write(l slog.Level, at int) int {
	log := k.sh.module.log
	if text, given := k.text(at); given && log.Enabled(k.c.Context(), l) {
		log.Log(k.c.Context(), l, strings.TrimRight(text, "\r\n"), "call_id", string(k.message().CallID()), "method", k.method())
	}
	return k.none()
}

// setPart changes the user or the host of the Request-URI.
func (k *call) setPart(part, value string) {
	if uri, ok := withPart(k.uri(), part, value); ok {
		k.setURI(uri)
	}
}

// withPart is a URI with another user, host or port.
func withPart(text, part, value string) (string, bool) {
	u, err := message.ParseURI([]byte(text))
	if err != nil || !u.IsSIP() {
		return "", false
	}
	user := ""
	if u.User != nil {
		user = string(u.User)
		if u.HasPassword {
			user += ":" + string(u.Password)
		}
	}
	host := string(u.Host)
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	port := ""
	if u.Port != 0 {
		port = ":" + decimal(int(u.Port))
	}
	switch part {
	case "user":
		user = value
	case "host":
		if host = value; strings.Contains(strings.TrimPrefix(value, "["), ":") && !strings.HasSuffix(value, "]") {
			port = ""
		}
	case "port":
		if port = ""; value != "" {
			port = ":" + value
		}
	}
	if user != "" {
		user += "@"
	}
	out := string(u.Scheme) + ":" + user + host + port + string(u.Params)
	if len(u.Headers) > 0 {
		out += "?" + string(u.Headers)
	}
	return out, true
}
