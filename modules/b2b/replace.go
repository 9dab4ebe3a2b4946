package b2b

// This file has INVITEs that take the place of a leg, or of a party's dialog elsewhere (RFC 3891).

import (
	"errors"
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/b2b/control"
)

var errReplaces = errors.New("the INVITE has Replaces, and can take no leg's place")

// place is the leg whose place an INVITE takes, as the script allows; nil if it has no Replaces.
// The INVITE was refused if there is an error.
func (m *module) place(c *luabind.Call, r *engine.Request) (*dialog.Leg, error) {
	if r.Method() != message.MethodInvite || r.InDialog() || r.Decided() || r.Over() {
		return nil, nil
	}
	l, code := m.agent.Replaced(r)
	ask := m.refer.of(c.Lane()).replaces
	switch {
	case l == nil && code == 0:
		return nil, nil
	case ask == nil: // nobody learns which there are
		code = 481
	case l != nil:
		out, err := ask.Call(r, m.of(l))
		if err != nil {
			c.Rethrow(err)
		}
		if r.Decided() || r.Over() {
			return nil, errReplaces
		}
		if len(out) > 0 && out[0] == true {
			if again, _ := m.agent.Replaced(r); again == l { // the function may have waited
				return l, nil
			}
			code = 481
			break
		}
		code = 603
	}
	if _, err := r.Reply(code, "", nil); err != nil {
		return nil, err
	}
	return nil, errReplaces
}

// checkReplaces returns what is wrong with an option replaces.
func checkReplaces(value string) error {
	if strings.ContainsAny(value, " ,\r\n") || len(value) > 512 {
		return errors.New("option replaces must be the id of a leg, or the value of a Replaces header: call-id;to-tag=…;from-tag=…")
	}
	return nil
}

// dialInPlace is dial where the option names a leg, which may be on another lane.
func (m *B2B) dialInPlace(home *lane.Lane, from *dialog.Leg, targets []*engine.Target, o dialog.DialOptions, with *calls, done func(*dialog.Leg, *engine.Response)) error {
	there := m.laneOf(o.Replaces)
	refuse := func(code int) { done(nil, proxy.NewResponse(code, "", nil)) }
	if there == nil {
		refuse(481)
		return nil
	}
	on(home, there, func() {
		name := ""
		if x := m.known[there.ID()][o.Replaces]; x != nil {
			name = x.l.Dialog()
		}
		on(there, home, func() {
			if name == "" { // there is none, or it was not answered
				refuse(481)
				return
			}
			o.Replaces = name
			if m.dial(home, from, targets, o, with, done) != nil {
				refuse(500)
			}
		})
	})
	return nil
}

// orderInPlace has an order go on with the name of the dialog of a leg of the session's, which may
// be on another lane.
func (m *B2B) orderInPlace(t *control.Turn, id string, then func(dialog string)) {
	name := ""
	t.There(id, "option replaces", func(l *dialog.Leg) control.Code {
		if name = l.Dialog(); name == "" { // it was not answered
			return control.BadState
		}
		return ""
	}, func() { then(name) })
}
