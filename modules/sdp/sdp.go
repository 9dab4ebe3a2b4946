// Package sdp is the module "sdp": scripts read session descriptions (SDP) and edit them in place,
// in requests, responses and branches.
//
// Go programs use the package body below it.
package sdp

import (
	"net/netip"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/sdp/body"
)

// Plugin is the module "sdp".
func Plugin() host.Plugin {
	return host.Plugin{Name: "sdp", New: func(*host.Environment) (luabind.Opener, error) { return New(), nil }}
}

// SDP is the module.
type SDP struct{}

// New makes the module.
func New() SDP { return SDP{} }

// Doc describes the module.
func (SDP) Doc() string { return "Reads and edits session descriptions." }

// Name is "sdp".
func (SDP) Name() string { return "sdp" }

// Open makes the module of one script generation.
func (SDP) Open(*luabind.Host) (luabind.Module, error) { return module{}, nil }

type module struct{}

// Close has nothing to do.
func (module) Close() error { return nil }

// Functions of the module.
func (module) Functions() []luabind.Function {
	return []luabind.Function{
		luabind.Try1(luabind.Function{Name: "of",
			Doc: "The session description of a message: its body, or the part of a multipart body that is for the session. nil if there is none; nil, err if it can't be " +
				"read. Edits change the message at once.",
			Example: "local s = sdp.of(req)\nif s and s.hold then req:set_header(\"X-Hold\", \"yes\") end"},
			luabind.MessageArg("message"), luabind.ReturnsObject[*session](sessionType, "the description"), of),
	}
}

func of(c *luabind.Call, m luabind.Held) (*session, error) {
	found, err := body.Of(m.Message(c).Message())
	if err != nil || found == nil {
		return nil, err
	}
	return &session{held: m, found: found}, nil
}

// session is the description of a message in the hands of a script. It belongs to the VM.
type session struct {
	held  luabind.Held
	found *body.Found
}

// at is the description as the message has it now.
func (s *session) at(c *luabind.Call) *body.Session {
	ok, err := s.found.Follow(s.held.Message(c).Message())
	switch {
	case err != nil:
		c.Raise("%v", err)
	case !ok:
		c.Raise("the message has no session description any more")
	}
	return s.found.Session
}

// edit changes the description, and the message.
func (s *session) edit(c *luabind.Call, change func(*body.Session) error) {
	if err := change(s.at(c)); err != nil {
		c.Raise("%v", err)
	}
	if err := s.found.Write(s.held.Message(c)); err != nil {
		c.Raise("%v", err)
	}
}

// medium is one medium of a session.
type medium struct {
	s *session
	n int
}

func (m *medium) at(c *luabind.Call) body.Medium { return m.in(c, m.s.at(c)) }

func (m *medium) in(c *luabind.Call, s *body.Session) body.Medium {
	if m.n >= s.Media() {
		c.Raise("the session description has no medium %d any more", m.n+1)
	}
	return s.Medium(m.n)
}

func (m *medium) edit(c *luabind.Call, change func(body.Medium) error) {
	m.s.edit(c, func(s *body.Session) error { return change(m.in(c, s)) })
}

// addressArg is an IP address.
var addressArg = luabind.ArgOf(func(c *luabind.Call, n int) netip.Addr {
	a, err := netip.ParseAddr(c.String(n))
	if err != nil {
		c.Raise("%q is not an IP address", c.String(n))
	}
	return a
}, luabind.Param{Name: "ip", Type: luabind.String, Doc: "an IP address"})

// attributeArg are the arguments of set_attribute.
var attributeArg = luabind.ArgOf(func(c *luabind.Call, n int) (a attribute) {
	a.name = c.String(n)
	switch {
	case c.Kind(n+1) == luabind.Boolean:
		a.remove = !c.Bool(n + 1)
	default:
		a.value = c.String(n + 1)
	}
	return a
}, luabind.Param{Name: "name", Type: luabind.String, Doc: "of the attribute"},
	luabind.Param{Name: "value", Type: luabind.String, Or: []luabind.Type{luabind.Boolean}, Doc: "what follows the colon; true for an attribute without a value, false for none"})

type attribute struct {
	name, value string
	remove      bool
}
