package messages

// This file is the module "messages" of scripts. It only translates; README.md describes what
// scripts see.

import (
	"context"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
)

// Open creates the module of one script generation.
func (s *Messages) Open(h *luabind.Host) (luabind.Module, error) {
	return &module{s: s, host: h, hears: events.Listener(h), policy: DefaultPolicy()}, nil
}

// module is messages within one script generation.
type module struct {
	s      *Messages
	host   *luabind.Host
	hears  luabind.Listener[Event]
	policy Policy // written while the file loads
}

// Activate puts the policy into force.
func (m *module) Activate() error {
	m.s.serving.Store(&m.policy)
	m.s.script.Listen(&m.hears)
	return nil
}

// Close ends events to this generation.
func (m *module) Close() error {
	m.s.script.Leave(&m.hears)
	return nil
}

// Events of the module.
func (m *module) Events() []luabind.Event { return events.Declared() }

// listOptions are those of pending.
type listOptions struct {
	Limit int `lua:"limit" min:"1" max:"10000" default:"100" doc:"how many at most"`
}

// Functions of the module.
func (m *module) Functions() []luabind.Function {
	waits := m.s.store.Waits()
	return []luabind.Function{
		luabind.Configure(luabind.Function{Example: `messages.configure({ max_per_user = 50, ttl = 3 * 24 * 3600 })`}, DefaultPolicy(),
			func(p Policy) error { m.policy = p; return nil }),
		luabind.Try1(luabind.Function{Name: "store", Waits: true, Where: luabind.InHandler, Decides: true,
			Doc: "Keeps a MESSAGE for the user in its Request-URI and answers it: 202; 404 for somebody who is not a user; 413 if it is too long; 480 if the user has as " +
				"many as are kept; 503 if the store is not available. It is the request's decision. An is-composing message is answered 202 and not kept.",
			Raises:  "for another method",
			Example: "if req.method == \"MESSAGE\" and #registrar.lookup(req.ruri) == 0 then return messages.store(req) end"},
			luabind.RequestArg(), luabind.ReturnsBool("whether it is kept").WithReason("if it is not"),
			func(c *luabind.Call, req *engine.Request) (bool, error) {
				return m.s.Keep(req, m.policy, func(f func(context.Context)) { c.Await(f) })
			}),
		luabind.Try2(luabind.Function{Name: "pending", Waits: waits, Where: luabind.InHandler, Doc: "The messages that wait for a user, the oldest first.",
			Example: `local list, err = messages.pending("sip:bob@example.com")`},
			luabind.URIArg("aor", "any spelling of the address-of-record"), luabind.OptionsArg(listOptions{}), luabind.ReturnsList[*shown](messageType, ""), m.pending),
	}
}

func (m *module) pending(c *luabind.Call, uri *message.URI, o listOptions) (list []*shown, err error) {
	if o.Limit == 0 {
		o.Limit = 100
	}
	aor := string(m.host.Engine().AppendAddress(nil, uri))
	var all []*Message
	c.AwaitIf(m.s.store.Waits(), func(ctx context.Context) { all, err = m.s.store.Pending(ctx, aor, o.Limit) })
	for _, k := range all {
		list = append(list, &shown{k})
	}
	return list, err
}

// shown is a message as scripts see it.
type shown struct{ m *Message }

// ObjectType makes it an object of scripts.
func (*shown) ObjectType() *luabind.ObjectType { return messageType }

// String is whom it is from.
func (s *shown) String() string { return s.m.From }

var messageType = &luabind.ObjectType{
	Name: "message", Doc: "A message that waits for its user.",
	Example: "for _, m in ipairs(messages.pending(\"sip:bob@example.com\") or {}) do sip.log.info(\"%s, %d bytes\", m.from, m.size) end",
	Fields: []luabind.Field{
		field("from", luabind.ReturnsText("the From it came with"), func(_ *luabind.Call, m *Message) string { return m.From }),
		field("call_id", luabind.ReturnsText(""), func(_ *luabind.Call, m *Message) string { return m.CallID }),
		field("content_type", luabind.OrNil(luabind.ReturnsText("nil: it has no body")), func(_ *luabind.Call, m *Message) string { return m.ContentType }),
		field("size", luabind.ReturnsInt("bytes of its body"), func(_ *luabind.Call, m *Message) int { return len(m.Body) }),
		field("age", luabind.ReturnsSeconds("since it arrived"), func(c *luabind.Call, m *Message) time.Duration { return c.Now().Sub(m.Arrived) }),
		field("expires", luabind.ReturnsSeconds("left until it is given up"), func(c *luabind.Call, m *Message) time.Duration { return m.Expires.Sub(c.Now()) }),
	},
}

func field[R any](name string, r luabind.Returns[R], get func(*luabind.Call, *Message) R) luabind.Field {
	return luabind.FieldOf(name, r, func(c *luabind.Call, s *shown) R { return get(c, s.m) })
}
