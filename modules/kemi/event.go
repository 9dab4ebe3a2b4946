package kemi

// Callbacks of events: functions of the script that the configuration names for what happens
// outside of requests, such as an HTTP request or a gateway that went down. There is no request
// then, but what there is looks like one to KSR.pv and KSR.hdr, as there.

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/check"
	"github.com/sipscript/sipscript/modules/kemi/cfg"
	"github.com/sipscript/sipscript/modules/kemi/pv"
)

// event is what a callback is called for. It does not change while the callback runs.
type event struct {
	msg    *message.Message
	source engine.Endpoint
	uri    string              // $ru, "" for none
	status int                 // $rs, 0 for none
	http   bool                // it is an HTTP request
	target string              // then its path and query, $hu
	values map[string]string   // $ulc(exp=>name), and $dlg_var(name)
	dialog map[string]pv.Value // $dlg(name), and the like
}

// nobodys is what a message looks like where there is none.
const nobodys = "OPTIONS sip:you@kamailio.org SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1\r\nFrom: <sip:you@kamailio.org>;tag=123\r\nTo: <sip:you@kamailio.org>\r\n" +
	"Call-ID: 123\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"

// eventOptions are what ksr.lua says of an event.
type eventOptions struct {
	URI    string            `lua:"uri"`
	Method string            `lua:"method"`
	CallID string            `lua:"call_id"`
	From   string            `lua:"from"`
	To     string            `lua:"to"`
	Status int               `lua:"status"`
	Values map[string]string `lua:"values"`
	Dialog luabind.Tree      `lua:"dialog"`
	// Of an HTTP request
	HTTP    bool              `lua:"http"`
	Target  string            `lua:"target"`
	Headers map[string]string `lua:"headers"`
	Body    string            `lua:"body"`
	IP      string            `lua:"ip"`
	Port    int               `lua:"port"`
}

// Bounds of an HTTP request: the server that reads it has some of its own.
const (
	maxHTTPBody    = 1 << 20
	maxHTTPHeaders = 64 << 10
)

// makeEvent is the event of options.
func makeEvent(o eventOptions) *event {
	e := &event{uri: o.URI, status: o.Status, http: o.HTTP, target: o.Target, values: o.Values, source: engine.Endpoint{Addr: netip.MustParseAddrPort("127.0.0.1:5060")}}
	if values, ok := o.Dialog.Value.(map[string]any); ok {
		e.dialog = map[string]pv.Value{}
		for name, x := range values {
			e.dialog[name] = valueOf(x)
		}
	}
	text := nobodys
	switch {
	case o.HTTP:
		text = httpText(o)
		if a, err := netip.ParseAddr(o.IP); err == nil {
			e.source = engine.Endpoint{Addr: netip.AddrPortFrom(a, uint16(min(max(o.Port, 0), 65535))), Transport: transport.TCP}
		}
	case o.CallID != "":
		text = o.Method + " sip:you@kamailio.org SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1\r\nFrom: " + o.From + "\r\nTo: " + o.To + "\r\nCall-ID: " + o.CallID +
			"\r\nCSeq: 1 " + o.Method + "\r\nContent-Length: 0\r\n\r\n"
	}
	lim := &message.Limits{Message: maxHTTPBody + maxHTTPHeaders + 4096, Body: maxHTTPBody}
	m := &message.Message{}
	if err := m.Parse([]byte(text), lim); err != nil && !o.HTTP {
		m = &message.Message{}
		_ = m.Parse([]byte(nobodys), nil)
	}
	e.msg = m
	return e
}

// httpText is an HTTP request as a message that KSR.hdr and KSR.pv read. Names and values are those
// of a server that has checked them.
func httpText(o eventOptions) string {
	var b strings.Builder
	method := o.Method
	if !message.IsToken([]byte(method)) {
		method = "GET"
	}
	b.WriteString(method + " sip:http SIP/2.0\r\n")
	names := make([]string, 0, len(o.Headers))
	for name := range o.Headers {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if value := o.Headers[name]; name != "content-length" && message.IsToken([]byte(name)) && !strings.ContainsAny(value, "\r\n\x00") && b.Len()+len(name)+len(value) < maxHTTPHeaders {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	body := o.Body[:min(len(o.Body), maxHTTPBody)]
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.String()
}

// anywhere are modules, and functions, that need no request: they read, count and log.
var anywhere = []string{"kx", "pv", "pvx", "hdr", "siputils", "ipops", "xlog", "htable", "xhttp", "sqlops", "x", "textops.has_body", "textops.has_body_type", "textops.cmp_str", "textops.cmp_istr",
	"textops.starts_with", "textops.ends_with", "textops.is_present_hf", "textops.remove_hf", "corex.has_user_agent", "registrar.registered_uri", "registrar.unregister",
	"dispatcher.ds_is_from_list", "dispatcher.ds_is_from_list_mode", "dispatcher.ds_is_from_list_uri", "dispatcher.ds_is_from_lists", "dispatcher.ds_list_exists",
	"tm.t_on_failure", "tm.t_on_branch", "tm.t_on_reply", "tm.t_is_set", "tmx.t_is_request_route", "tmx.t_is_branch_route", "tmx.t_is_reply_route", "tmx.t_is_failure_route",
	"websocket.handle_handshake", "tmx.t_continue"}

// inCore are the functions of the core that need one.
var inCore = []string{"forward", "forward_uri", "seturi", "setuser", "sethost", "setdsturi", "resetdsturi", "isdsturiset", "is_myself_duri", "route"}

// inEvents reports whether a function of KSR does something where there is no request.
func inEvents(name string) bool {
	if m := moduleOf(name); m != "" {
		return slices.Contains(anywhere, m) || slices.Contains(anywhere, name)
	}
	return !slices.Contains(inCore, name)
}

// refused pushes what a function returns that needs a request where there is none.
func (sh *shim) refused(c *luabind.Call, row *Row) int {
	sh.module.log.Error("KSR."+row.Name+": there is no request in the callback of an event", "at", c.Position())
	switch row.Result {
	case "int":
		return c.PushNumber(-1)
	case "xval":
		return c.PushNil()
	}
	return c.PushBool(false)
}

// beginEvent is event({…}): the callback of an event begins.
func (sh *shim) beginEvent(k *call) int {
	_, _, at := k.c.Running()
	if at == nil {
		return 0
	}
	var o eventOptions
	k.c.Decode(1, &o)
	*at = &frame{kind: inEvent, event: makeEvent(o), session: &session{}}
	return 0
}

// Callback is a setting that names a function for events.
type Callback struct {
	Module, Param string // "core" for kemi.… settings of the core
	Carried       bool   // the function is called
	Ours          string // what a script of this server's own uses in its place
}

// callbacks are all that Kamailio 5.6.3 has.
var callbacks = []Callback{
	{"xhttp", "event_callback", true, `http.handle("/", function(hreq) … end)`},
	{"dispatcher", "event_callback", true, `sip.on("dispatch.down", …) and sip.on("dispatch.up", …)`},
	{"htable", "event_callback", true, `sip.on("start", …)`},
	{"registrar", "event_callback", true, `sip.on("registrar.expired", …)`},
	{"dialog", "event_callback", true, `sip.on("dialog.answered", …) and sip.on("dialog.ended", …)`},
	{"core", "kemi.event_route_callback", true, `sip.on("start", …)`},
	{"core", "kemi.reply_route_callback", true, "the option on_response of relay"},
	{"core", "kemi.onsend_route_callback", true, "the options on_branch and on_response of relay"},
	{"core", "kemi.received_route_callback", false, "acl lists with drop, and the beginning of ksr_request_route: a message that was not read yet is not shown to scripts"},
	{"core", "kemi.pre_routing_callback", false, "the beginning of ksr_request_route and ksr_reply_route"},
	{"tm", "event_callback", false, "the options of what sends: probe = { from = … } of dispatch, headers of sip.send, b2b and uac"},
	{"tm", "event_callback_lres_sent", false, "--hep, sipscript trace, or sip.trace(req): they show every answer"},
	{"sl", "event_callback_fl_ack", false, "--hep or sipscript trace: an ACK of a failure ends here"},
	{"sl", "event_callback_lres_sent", false, "--hep, sipscript trace, or sip.trace(req): they show every answer"},
	{"uac", "event_callback", false, "sip.send in a script of this server's own, which returns the response"},
	{"websocket", "event_callback", false, `sip.on("registrar.removed", …) or sip.on("nat.lost", …) in a script of this server's own`},
	{"tcpops", "event_callback", false, `sip.on("nat.lost", …) in a script of this server's own`},
	{"tls", "event_callback", false, "--tls-client-ca and the certificates of listeners: scripts do not choose them by connection"},
	{"topoh", "event_callback", false, "topology.hide(req) in a script of this server's own, for the requests that are hidden"},
	{"topos", "event_callback", false, "topology.hide(req) in a script of this server's own, for the requests that are hidden"},
	{"msrp", "event_callback", false, "another server for MSRP: this one relays SIP, and media by rtpengine"},
	{"evapi", "event_callback", false, "the modules http, redis and sql, whose functions wait"},
	{"sipcapture", "event_callback", false, "a HEP collector: this server sends HEP (--hep) and receives none"},
	{"sipdump", "event_callback", false, "sipscript trace, or --hep"},
	{"xmlrpc", "event_callback", false, "the admin API, --admin"},
}

// Callbacks are the settings for events.
func Callbacks() []Callback { return slices.Clone(callbacks) }

// Setting is what a kamailio.cfg calls it: "xhttp.event_callback".
func (cb *Callback) Setting() string {
	if cb.Module == "core" {
		return cb.Param
	}
	return cb.Module + "." + cb.Param
}

// Function is the function that a configuration names, "" for none.
func (cb *Callback) Function(c *cfg.Config) string {
	name, _, _ := cb.named(c)
	return name
}

// named is what a configuration says of a callback: the function's name and where, "" for none.
func (cb *Callback) named(c *cfg.Config) (name, file string, line int) {
	if cb.Module == "core" {
		for _, g := range c.Globals {
			if g.Name == cb.Param {
				name, file, line = g.Value, g.File, g.Line
			}
		}
	} else if c.Loads(cb.Module) {
		for _, p := range c.Params {
			if p.Name == cb.Param && slices.Contains(strings.Split(p.Module, "|"), cb.Module) {
				name, file, line = p.Value, p.File, p.Line
			}
		}
	}
	if name == "none" && cb.Module == "core" && cb.Param != "kemi.reply_route_callback" && cb.Param != "kemi.onsend_route_callback" {
		name = ""
	}
	return name, file, line
}

// checkCallbacks says which callbacks of a configuration are not carried, or name no function that
// the script has.
func checkCallbacks(c *cfg.Config, defined func(string) bool) (found []check.Finding) {
	for i := range callbacks {
		cb := &callbacks[i]
		name, file, line := cb.named(c)
		switch {
		case name == "":
		case !cb.Carried:
			found = append(found, check.Finding{File: file, Line: line, Column: 1, Severity: check.Error, Rule: "kemi-event",
				Message: fmt.Sprintf("%s names the function %s, which is not called here: use %s", cb.Setting(), name, cb.Ours)})
		case !defined(name) && name != "none":
			found = append(found, check.Finding{File: file, Line: line, Column: 1, Severity: check.Warning, Rule: "kemi-event",
				Message: fmt.Sprintf("%s names the function %s, which the script does not have", cb.Setting(), name)})
		}
	}
	return found
}

// callbackOf is the function for a module's events, "" for none.
func (m *module) callbackOf(name, param string) string {
	if m.config == nil {
		return ""
	}
	for i := range callbacks {
		if cb := &callbacks[i]; cb.Module == name && cb.Param == param {
			function, _, _ := cb.named(m.config)
			return function
		}
	}
	return ""
}
