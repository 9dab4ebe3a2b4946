package nat

// This file is the module "nat" of scripts. It only translates.

import (
	"errors"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/registrar"
)

// Open makes the module of one script generation.
func (n *NAT) Open(h *luabind.Host) (luabind.Module, error) {
	m := &module{nat: n, host: h, policy: DefaultPolicy()}
	m.hears.Hear = func(l Lost) { h.Emit("nat.lost", l.AOR, l.Binding) }
	return m, nil
}

type module struct {
	nat    *NAT
	host   *luabind.Host
	policy Policy
	hears  luabind.Listener[Lost]
}

// Activate puts the policy into force.
func (m *module) Activate() error {
	m.nat.configure(m.policy)
	m.nat.script.Listen(&m.hears)
	return nil
}

// Close ends the generation's part.
func (m *module) Close() error {
	m.nat.script.Leave(&m.hears)
	return nil
}

// Events of the module.
func (*module) Events() []luabind.Event {
	return []luabind.Event{{Name: "nat.lost", Doc: "A registered client that had answered keep-alives answers no more. Its binding is removed, unless remove_lost is false.",
		Params: []luabind.Param{{Name: "aor", Type: luabind.String}, {Name: "binding", Type: luabind.ObjectOf, Object: (*registrar.Binding)(nil).ObjectType()}}}}
}

// fixOptions are those of fix_sdp.
type fixOptions struct {
	Address string `lua:"address" default:"where the message came from" doc:"an IP address"`
}

var errMade = errors.New("the response was made here: it came from nowhere")

// Functions of the module.
func (m *module) Functions() []luabind.Function {
	message := luabind.MessageArg("message")
	return []luabind.Function{
		luabind.Configure(luabind.Function{Example: `nat.configure({ keepalive = { interval = 25 } })`}, m.policy, func(p Policy) error { m.policy = p; return nil }),
		luabind.Func1(luabind.Function{Name: "detect",
			Doc: "Which addresses in a message do not lead to its sender: {contact, via, sdp}, each true or false; false if all do. Media with ICE are not looked at, nor are " +
				"requests that came through other proxies.",
			Example: `local behind = nat.detect(req)`},
			message, luabind.ReturnsValue(luabind.Table, "{contact, via, sdp}, or false"), func(c *luabind.Call, h luabind.Held) any {
				from, ok := h.Source(c)
				if !ok {
					return false
				}
				f := Detect(h.Message(c).Message(), from)
				if f == (Found{}) {
					return false
				}
				return map[string]any{"contact": f.Contact, "via": f.Via, "sdp": f.SDP}
			}),
		luabind.Try1(luabind.Function{Name: "fix_contact",
			Doc:     "Puts the address and port that a message came from into its Contact. Dialogs that this server record-routes do not need it. nil, err for a response that was made here.",
			Example: `if nat.detect(req) then nat.fix_contact(req) end`},
			message, luabind.ReturnsBool("whether something was changed"), func(c *luabind.Call, h luabind.Held) (bool, error) {
				from, ok := h.Source(c)
				if !ok {
					return false, errMade
				}
				return FixContact(h.Message(c).Message(), from.Addr) > 0, nil
			}),
		luabind.Try2(luabind.Function{Name: "fix_sdp",
			Doc: "Has the media of a session description go to the address that the message came from, or to another one, as sdp's set_address does; descriptions with ICE stay. " +
				"nil, err for a description that can't be read.",
			Example: `if nat.detect(req) then nat.fix_sdp(req) end`},
			message, luabind.OptionsArg(fixOptions{}), luabind.ReturnsBool("whether something was changed"), func(c *luabind.Call, h luabind.Held, o fixOptions) (bool, error) {
				from, ok := h.Source(c)
				if !ok && o.Address == "" {
					return false, errMade
				}
				to, err := sourceOr(o.Address, from)
				if err != nil {
					c.Raise("%q is not an IP address", o.Address)
				}
				return FixSDP(h.Message(c), to)
			}),
	}
}
