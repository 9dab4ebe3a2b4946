package sdp

// The objects of scripts: a session and its media.

import (
	"net/netip"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/sdp/body"
)

var sessionType = &luabind.ObjectType{
	Name: "sdp",
	Doc: "The session description of a message. It follows the message, and lives as long; an edit changes the message at once, and leaves byte for byte what it does not name. " +
		"Each edit raises an error if the description would be longer than 64 KiB.",
	Example: "local s = sdp.of(req)\nif s then\n  s:keep_codecs({ \"PCMA\", \"telephone-event\" })\n  for _, m in ipairs(s.media) do sip.log.info(\"%s on port %d\", m.kind, m.port) end\nend",
	Fields: []luabind.Field{
		sessionField("origin", luabind.ReturnsValue(luabind.Table, "{user, id, version, address} of the o= line; nil without one"), origin),
		sessionField("address", luabind.OrNil(luabind.ReturnsText("of the session's own c= line; nil without one")), (*body.Session).Address),
		sessionField("hold", luabind.ReturnsBool("whether all media are on hold: sendonly, inactive, or, without ICE, at the address 0.0.0.0"), (*body.Session).Hold),
		sessionField("bandwidth", luabind.ReturnsValue(luabind.Table, "the b= lines, {AS = 512}; nil without any"), func(s *body.Session) any { return figures(s.Bandwidth()) }),
		luabind.FieldOf("media", luabind.ReturnsList[*medium](mediumType, "one for each m= line"), func(c *luabind.Call, s *session) []*medium {
			list := make([]*medium, s.at(c).Media())
			for n := range list {
				list[n] = &medium{s, n}
			}
			return list
		}),
	},
	Methods: []luabind.Function{
		luabind.Func2(luabind.Function{Name: "attributes", Doc: "The values of the session's own attributes of that name, in order; \"\" for one without a value.",
			Example: `local groups = sdp.of(req):attributes("group")`},
			luabind.Self[*session](), luabind.TextArg("name", ""), luabind.ReturnsStrings("values"),
			func(c *luabind.Call, s *session, name string) []string { return s.at(c).Attributes(name) }),
		luabind.Do2(luabind.Function{Name: "set_attribute", Doc: "Makes this the session's only attribute of that name, or removes it.", Example: `sdp.of(req):set_attribute("tool", false)`},
			luabind.Self[*session](), attributeArg, func(c *luabind.Call, s *session, a attribute) {
				s.edit(c, func(b *body.Session) error { return b.SetAttribute(a.name, a.value, a.remove) })
			}),
		luabind.Do2(luabind.Function{Name: "set_address",
			Doc:     "Puts an address into all c= lines, and into the address of a=rtcp. 0.0.0.0 stays, which is hold, or means nothing beside ICE; the o= line and candidates stay.",
			Example: `sdp.of(req):set_address("203.0.113.5")`},
			luabind.Self[*session](), addressArg, func(c *luabind.Call, s *session, a netip.Addr) {
				s.edit(c, func(b *body.Session) error { return b.SetAddress(a) })
			}),
		sessionCodecs("keep_codecs", "Removes all codecs but these from media that are RTP.", (*body.Session).KeepCodecs),
		sessionCodecs("remove_codecs", "Removes codecs from media that are RTP.", (*body.Session).RemoveCodecs),
		luabind.Do2(luabind.Function{Name: "prefer_codecs", Doc: "Puts codecs first, in this order.", Example: `sdp.of(req):prefer_codecs({ "opus", "G722" })`},
			luabind.Self[*session](), codecsArg, func(c *luabind.Call, s *session, names []string) {
				s.edit(c, func(b *body.Session) error { return b.PreferCodecs(names) })
			}),
		luabind.Func2(luabind.Function{Name: "remove_candidates", Doc: "Removes the ICE candidates of a type, or all, from all media.", Example: `sdp.of(req):remove_candidates("host")`},
			luabind.Self[*session](), candidateArg, luabind.ReturnsInt("how many were removed"), func(c *luabind.Call, s *session, kind string) (n int) {
				s.edit(c, func(b *body.Session) (err error) { n, err = b.RemoveCandidates(kind); return err })
				return n
			}),
	},
}

// ObjectType makes a session an object of scripts.
func (s *session) ObjectType() *luabind.ObjectType { return sessionType }

func sessionField[R any](name string, r luabind.Returns[R], get func(*body.Session) R) luabind.Field {
	f := luabind.FieldOf(name, r, func(c *luabind.Call, s *session) R { return get(s.at(c)) })
	f.OrNil = f.OrNil || f.Type == luabind.Table
	return f
}

var codecsArg = luabind.StringsArg("names", "codecs as a=rtpmap has them, in any case: \"PCMA\", \"L16/44100\"; static payload types without a=rtpmap have their usual names")

var candidateArg = luabind.OneOfArg("type", "default: all", "host", "srflx", "prflx", "relay").Optional()

const refusing = " What refers to a codec that goes, as rtx does, goes too. A medium that has no codec left for sound or pictures is refused, as by m:remove()."

func sessionCodecs(name, doc string, change func(*body.Session, []string) (bool, error)) luabind.Function {
	return luabind.Func2(luabind.Function{Name: name, Doc: doc + refusing, Example: `sdp.of(req):` + name + `({ "PCMA", "telephone-event" })`},
		luabind.Self[*session](), codecsArg, luabind.ReturnsBool("false if a medium was refused"), func(c *luabind.Call, s *session, names []string) (ok bool) {
			s.edit(c, func(b *body.Session) (err error) { ok, err = change(b, names); return err })
			return ok
		})
}

func origin(s *body.Session) any {
	o, ok := s.Origin()
	if !ok {
		return nil
	}
	return map[string]any{"user": o.User, "id": o.ID, "version": o.Version, "address": o.Address}
}

func figures(m map[string]int) any {
	if m == nil {
		return nil
	}
	all := make(map[string]any, len(m))
	for k, n := range m {
		all[k] = float64(n)
	}
	return all
}
