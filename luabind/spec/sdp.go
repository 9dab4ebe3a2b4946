package spec

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/pattern"
)

// This file is what specs say and see of session descriptions, and what they expect of messages.

// sdpOption is the option sdp of requests and answers.
type sdpOption struct {
	given bool
	media phone.Media
}

// OptionType is the type in words.
func (*sdpOption) OptionType() string { return "string, boolean or table" }

var directions = []string{"sendrecv", "sendonly", "recvonly", "inactive"}

// DecodeOption reads a text, true, false or a table.
func (o *sdpOption) DecodeOption(value any) error {
	*o = sdpOption{given: true}
	switch v := value.(type) {
	case string:
		o.media.Text = v
	case bool:
		o.media.Own = v
	case map[string]any:
		o.media.Own = true
		return o.table(v)
	default:
		return errors.New("must be a text, true, or a table {direction=, codecs=, port=, address=}")
	}
	return nil
}

func (o *sdpOption) table(t map[string]any) (err error) {
	for _, key := range sortedKeys(t) {
		text, isText := t[key].(string)
		number, isNumber := t[key].(float64)
		list, isList := t[key].([]any)
		switch {
		case key == "direction" && isText && slices.Contains(directions, text):
			o.media.Direction = text
		case key == "address" && isText:
			o.media.Address = text
		case key == "port" && isNumber && number >= 1 && number < 1<<16:
			o.media.Port = int(number)
		case key == "codecs" && isList:
			o.media.Codecs = []string{}
			for _, x := range list {
				o.media.Codecs = append(o.media.Codecs, fmt.Sprint(x))
			}
		case key == "direction":
			return fmt.Errorf("direction must be one of %s", strings.Join(directions, ", "))
		default:
			return fmt.Errorf("has no key %s of that kind; the keys are direction, codecs, port, address", key)
		}
	}
	return nil
}

// ackOption is the option ack of an INVITE.
type ackOption struct{ delays phone.AckDelays }

// OptionType is the type in words.
func (*ackOption) OptionType() string { return "number or false" }

// DecodeOption reads seconds, or false.
func (o *ackOption) DecodeOption(value any) error {
	switch v := value.(type) {
	case bool:
		o.delays = phone.AckDelays{AckManual: !v}
	case float64:
		if !(v >= 0 && v < 1e6) {
			return errors.New("must be a number of seconds, or false")
		}
		o.delays = phone.AckDelays{AckDelay: time.Duration(v * float64(time.Second))}
	default:
		return errors.New("must be a number of seconds, or false")
	}
	return nil
}

const sdpDoc = "its session description, nil if there is none: {origin = {user=, id=, version=, address=}, address=, hold=, " +
	"media = {{kind=, port=, protocol=, address=, direction=, codecs = {{payload=, name=, rate=}}}}}"

// sdpTable is the description in a message, nil for none.
func sdpTable(m *message.Message) any {
	s, ok := phone.ParseSDP(m.Body())
	if !ok {
		return nil
	}
	media := make([]any, len(s.Media))
	for i, x := range s.Media {
		codecs := make([]any, len(x.Codecs))
		for j, c := range x.Codecs {
			codecs[j] = map[string]any{"payload": float64(c.Payload), "name": c.Name, "rate": float64(c.Rate)}
		}
		media[i] = map[string]any{"kind": x.Kind, "port": float64(x.Port), "protocol": x.Protocol, "address": x.Address, "direction": x.Direction, "codecs": codecs}
	}
	return map[string]any{"address": s.Address, "hold": s.Hold(), "media": media,
		"origin": map[string]any{"user": s.Origin.User, "id": s.Origin.ID, "version": float64(s.Origin.Version), "address": s.Origin.Address}}
}

// sdpWanted is what an expect wants of a description.
type sdpWanted struct {
	given, none bool
	want        map[string]any
}

// OptionType is the type in words.
func (*sdpWanted) OptionType() string { return "table or boolean" }

// DecodeOption reads what is wanted.
func (o *sdpWanted) DecodeOption(value any) error {
	*o = sdpWanted{given: true}
	switch v := value.(type) {
	case bool:
		o.none = !v
	case map[string]any:
		o.want = v
		for _, key := range sortedKeys(v) {
			if !slices.Contains([]string{"address", "codec", "direction", "hold"}, key) {
				return fmt.Errorf("has no key %s; the keys are address, codec, direction, hold", key)
			}
		}
	default:
		return errors.New("must be a table, true, or false: there must be none")
	}
	return nil
}

// check raises an error that tells what was expected of a message and what is in it.
func (x *wanted) check(c *luabind.Call, p *phone.Phone, m *message.Message) {
	for _, name := range sortedKeys(x.Headers) {
		values := elements(m, name)
		found := false
		for _, v := range values {
			matches, err := pattern.Match(v, x.Headers[name])
			if err != nil {
				c.Raise("the pattern %q: %v", x.Headers[name], err)
			}
			found = found || matches
		}
		switch {
		case found:
		case len(values) == 0:
			c.Raise("%s: the %s has no %s, want one that matches %q", p.Name(), x.text, name, x.Headers[name])
		default:
			c.Raise("%s: the %s of the %s is %q, want one that matches %q", p.Name(), name, x.text, strings.Join(values, ", "), x.Headers[name])
		}
	}
	if x.SDP.given {
		x.SDP.check(c, p.Name()+": the "+x.text, m)
	}
}

func (o *sdpWanted) check(c *luabind.Call, what string, m *message.Message) {
	s, ok := phone.ParseSDP(m.Body())
	switch {
	case o.none && len(m.Body()) > 0:
		c.Raise("%s has a body, want none:\n%s", what, m.Body())
	case o.none:
		return
	case !ok:
		c.Raise("%s has no session description, want one", what)
	}
	var names []string
	for _, codec := range s.Media[0].Codecs {
		names = append(names, codec.Name)
	}
	for _, key := range sortedKeys(o.want) {
		got := map[string]any{"address": s.Media[0].Address, "direction": s.Media[0].Direction, "hold": s.Hold(), "codec": strings.Join(names, ", ")}[key]
		if text, _ := o.want[key].(string); got == o.want[key] || key == "codec" && slices.Contains(names, text) {
			continue
		}
		c.Raise("%s has the %s %s, want %s", what, key, show(got), show(o.want[key]))
	}
}
