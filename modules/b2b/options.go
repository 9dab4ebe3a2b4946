package b2b

// The options of calls, which orders from outside take as well as scripts do.

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/modules/b2b/control"
	dialogs "github.com/sipscript/sipscript/modules/dialog"
	"github.com/sipscript/sipscript/modules/rtpengine"
)

// calls are the options that dial and originate share.
type calls struct {
	timed
	counted
	mediated
	Timeout time.Duration       `lua:"timeout" min:"1" max:"3600" default:"180" doc:"seconds until somebody has answered, for each target"`
	From    string              `lua:"from" doc:"the URI in From; default: the caller's, or this server"`
	Display string              `lua:"display" doc:"its display name; default: the caller's"`
	Headers []engine.HeaderEdit `lua:"headers" doc:"{Name = text | list}: of each INVITE"`
	SDP     string              `lua:"sdp" doc:"what is offered; default: what the caller offers"`
	ID      string              `lua:"id" doc:"the id of the leg, up to 64 letters, digits and _.:- with a letter first; of several targets the first has it, the others ID-2, ID-3; default: one of ours"`
}

// timed is what the options of legs say of their session timers (RFC 4028).
type timed struct {
	FlowLost     time.Duration `lua:"flow_lost" min:"1" max:"86400" doc:"seconds for which the one connection that leads to the party, such as a browser's WebSocket, may be gone: then the leg is ended; default: it is not"`
	SessionTimer any           `lua:"session_timer" doc:"false: none is negotiated on this leg (RFC 4028); default: one of 1800 s with a party that has them"`
}

// off reports whether the leg has no timer.
func (o *timed) off() (bool, error) {
	switch on := o.SessionTimer.(type) {
	case nil:
		return false, nil
	case bool:
		return !on, nil
	}
	return false, errors.New("option session_timer must be true or false")
}

// taking are the options of incoming.
type taking struct {
	timed
	counted
	mediated
}

// mediated is what the options say of the media.
type mediated struct {
	Media rtpengine.LegOption `lua:"media" default:"\"pass\"" doc:"\"rtpengine\": the media of the party and of whoever it talks to pass a daemon of rtpengine.configure, in each of its calls; or a table: the same, with set, and what the party is shown (the options of a side of rtpengine.manage). A leg that is dialled has it as its caller, with what suits it"`
}

// relays is what relays the media of a leg; nil for nothing.
func (m *B2B) relays(o *mediated) (dialog.Media, error) {
	if !o.Media.On {
		return nil, nil
	}
	if m.media != nil {
		if p := m.media(); p != nil {
			return p.Leg(o.Media.LegMedia), nil
		}
	}
	return nil, errors.New("option media needs the module rtpengine")
}

// counted is what the options say of how many legs there may be, and for how long.
type counted struct {
	Limits      dialogs.LimitsOption `lua:"limits" doc:"how many calls may have each of these keys at the same time: with those of dialog.track, checked and counted in one step, and given back once"`
	MaxDuration time.Duration        `lua:"max_duration" min:"1" max:"2592000" doc:"seconds from the answer, then the leg is ended; default: it is not"`
	Warn        time.Duration        `lua:"warn" min:"1" max:"86400" default:"10" doc:"seconds before that when b2b.expiring tells of it, if max_duration is more"`
	Vars        dialogs.VarsOption   `lua:"vars" doc:"kept with the leg: texts, numbers, truth values"`
}

// dialing are the options of dial.
type dialing struct {
	calls
	Early    any      `lua:"early" oneof:"first ringing each" also:"false" doc:"what the caller hears meanwhile: \"first\", the early media of the first that has some, is the default for one target; \"ringing\", 180 alone, for several; \"each\": the early media of each, in a dialog of its own, as a proxy that forks would; false: nothing"`
	Order    string   `lua:"order" oneof:"parallel serial" default:"parallel" doc:"all targets at once, or one after the other"`
	Replaces string   `lua:"replaces" doc:"the INVITE takes the place of a dialog of who is called (RFC 3891): the id of the leg that has it, or the value of a Replaces header"`
	Copy     []string `lua:"copy" doc:"names of headers of the caller's INVITE that the others get"`
}

// placing are the options of originate.
type placing struct {
	calls
	Target      []*engine.Target `lua:"target,required" doc:"who is called: a URI, or targets as dial takes them"`
	Credentials *credentials     `lua:"credentials" doc:"{user=, password=}, to answer a challenge with"`
}

// originating are those of the order.
type originating struct {
	calls
	Target      control.Targets `lua:"target,required" doc:"who is called: as targets of dial"`
	Credentials *credentials    `lua:"credentials" doc:"{user=, password=}, to answer a challenge with"`
}

// credentials answer a challenge.
type credentials struct {
	User     string `lua:"user,required"`
	Password string `lua:"password,required"`
}

// described are the options of reply.
type described struct {
	SDP string `lua:"sdp" doc:"early media; of a caller that has made no offer only one with 100rel gets it, as an offer"`
}

// refusing are the options of reject.
type refusing struct {
	Headers []engine.HeaderEdit `lua:"headers" doc:"{Name = text | list}"`
}

// longest is how long two legs stay together unless a script says otherwise: nothing else ends a
// call whose phones have vanished.
const longest = 12 * time.Hour

// bridging are the options of bridge.
type bridging struct {
	Timeout time.Duration `lua:"timeout" min:"1" max:"86400" default:"43200" doc:"seconds after which the bridge ends, and the legs go on"`
	Pass    []string      `lua:"pass" default:"INFO" doc:"methods that are passed beside INVITE: INFO, MESSAGE"`
	Refer   string        `lua:"refer" oneof:"refuse pass" doc:"what becomes of REFERs meanwhile; default: what b2b.configure says"`
}

// joining are the options of join.
type joining struct {
	MaxDuration time.Duration `lua:"max_duration" min:"1" max:"86400" default:"43200" doc:"seconds after which both legs are ended"`
	Pass        []string      `lua:"pass" default:"INFO" doc:"methods that are passed beside INVITE: INFO, MESSAGE"`
	Refer       string        `lua:"refer" oneof:"refuse pass" doc:"what becomes of REFERs meanwhile; default: what b2b.configure says"`
}

func (o *calls) options() (dialog.DialOptions, error) {
	off, err := o.off()
	if err != nil {
		return dialog.DialOptions{}, err
	}
	d := dialog.DialOptions{NoTimer: off, FlowLost: o.FlowLost, Timeout: o.Timeout, From: o.From, Display: o.Display, Headers: o.Headers}
	if o.From != "" {
		if _, err := message.ParseURI([]byte(o.From)); err != nil {
			return d, fmt.Errorf("option from: %q is not a URI, such as \"sip:alarm@example.com\"", o.From)
		}
	}
	if o.ID != "" && !isName(o.ID) {
		return d, fmt.Errorf("option id: %q is not an id: up to 64 letters, digits and _.:- with a letter first", o.ID)
	}
	if o.SDP != "" {
		d.SDP = []byte(o.SDP)
	}
	return d, mayEdit(o.Headers)
}

// options of dial, but for the headers that are copied.
func (o *dialing) options() (dialog.DialOptions, error) {
	d, err := o.calls.options()
	if err != nil {
		return d, err
	}
	switch early := o.Early.(type) {
	case nil:
	case string:
		if d.Early = dialog.Early(early); early != "ringing" && early != "first" && early != "each" {
			return d, errEarly
		}
	default:
		if d.Early = dialog.EarlyNone; early != false {
			return d, errEarly
		}
	}
	for _, name := range o.Copy {
		if proxy.OwnedHeader(message.LookupHeader([]byte(name))) {
			return d, fmt.Errorf("option copy: each leg has a %s of its own", name)
		}
	}
	d.Serial, d.Replaces = o.Order == "serial", o.Replaces
	return d, checkReplaces(o.Replaces)
}

var errEarly = fmt.Errorf(`option early must be "ringing", "first", "each" or false`)

// copied are the headers that a leg's INVITE had, as the others get them.
func (o *dialing) copied(l *dialog.Leg) []engine.HeaderEdit {
	list := slices.Clone(o.Headers)
	for _, name := range o.Copy {
		if values := l.Header(name); values != nil {
			list = append(list, engine.HeaderEdit{Name: name, Values: values})
		}
	}
	return list
}

// targets are who is called.
func (o *originating) targets() ([]*engine.Target, error) { return o.Credentials.at(o.Target) }

// targets are who is called.
func (o *placing) targets() ([]*engine.Target, error) { return o.Credentials.at(o.Target) }

// at are targets that get the credentials; p may be nil.
func (p *credentials) at(targets []*engine.Target) ([]*engine.Target, error) {
	list := make([]*engine.Target, len(targets))
	for i, t := range targets {
		one := *t
		if p != nil {
			one.Credentials = &engine.Credentials{User: p.User, Password: p.Password}
		}
		list[i] = &one
	}
	return list, checkTargets(list)
}

// checkTargets returns what is wrong with those who are to be called.
func checkTargets(targets []*engine.Target) error {
	for i, t := range targets {
		if t.URI == "" {
			return fmt.Errorf("target %d has no uri", i+1)
		}
		if err := t.Check(); err != nil {
			return fmt.Errorf("target %d: %w", i+1, err)
		}
	}
	return nil
}

func (o *bridging) options() (dialog.BridgeOptions, error) {
	b := dialog.BridgeOptions{Timeout: o.Timeout, Pass: o.Pass}
	switch o.Refer {
	case "pass":
		b.Refer = func(r *dialog.Referral) { _ = r.Pass() }
	case "refuse":
		b.Refer = func(r *dialog.Referral) { r.Refuse(603) }
	}
	for _, method := range o.Pass {
		if method != "INFO" && method != "MESSAGE" {
			return b, fmt.Errorf("option pass: %q cannot be passed, only INFO and MESSAGE can", method)
		}
	}
	return b, nil
}

func (o *joining) options() (dialog.BridgeOptions, error) {
	return (&bridging{Timeout: o.MaxDuration, Pass: o.Pass, Refer: o.Refer}).options()
}

// mayEdit returns what is wrong with headers: legs have some of themselves, and a value may be
// none.
func mayEdit(headers []engine.HeaderEdit) error {
	if err := proxy.CheckEdits(headers); err != nil {
		return fmt.Errorf("option headers: %w", err)
	}
	return nil
}

// checkReason returns what is wrong with the value of a Reason header.
func checkReason(reason string) error {
	if err := proxy.CheckEdits([]engine.HeaderEdit{{Name: "Reason", Values: []string{reason}}}); err != nil {
		return fmt.Errorf("reason: a line break in it: %w", err)
	}
	return nil
}

// checkProvisional and checkRefusal return what is wrong with a code.
func checkProvisional(code int) error {
	if code < 101 || code > 199 {
		return fmt.Errorf("%d is not a provisional code (101 to 199); answer and reject are final", code)
	}
	return nil
}

func checkRefusal(code int) error {
	if code < 300 || code > 699 {
		return fmt.Errorf("%d does not refuse a call (300 to 699)", code)
	}
	return nil
}
