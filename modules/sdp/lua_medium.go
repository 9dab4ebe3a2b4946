package sdp

import (
	"net/netip"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/sdp/body"
)

var mediumType = &luabind.ObjectType{
	Name:    "medium",
	Doc:     "One m= line of a session description, with what belongs to it.",
	Example: "for _, m in ipairs(sdp.of(req).media) do\n  if m.kind == \"video\" then m:remove() end\nend",
	Fields: []luabind.Field{
		mediumField("kind", luabind.ReturnsText(`"audio", "video", "application" …`), body.Medium.Kind),
		mediumField("port", luabind.ReturnsInt("0 for a medium that is refused"), body.Medium.Port),
		mediumField("ports", luabind.ReturnsInt("how many ports; usually 1"), body.Medium.Ports),
		mediumField("protocol", luabind.ReturnsText(`"RTP/AVP", "UDP/TLS/RTP/SAVPF" …`), body.Medium.Protocol),
		mediumField("address", luabind.OrNil(luabind.ReturnsText("of its c= line, or of the session's; nil without one")), body.Medium.Address),
		mediumField("direction", luabind.ReturnsText(`"sendrecv", "sendonly", "recvonly" or "inactive": its own, or the session's`), body.Medium.Direction),
		mediumField("mid", luabind.OrNil(luabind.ReturnsText("a=mid; nil without one")), body.Medium.MID),
		mediumField("ptime", luabind.OrNil(luabind.ReturnsInt("a=ptime in milliseconds; nil without one")), body.Medium.PTime),
		mediumField("bandwidth", luabind.ReturnsValue(luabind.Table, "its b= lines, {AS = 512}; nil without any"), func(m body.Medium) any { return figures(m.Bandwidth()) }),
		mediumField("dtls", luabind.ReturnsValue(luabind.Table, "{fingerprint, setup} of DTLS-SRTP; nil without a fingerprint"), dtls),
		mediumField("ice", luabind.ReturnsValue(luabind.Table, "{ufrag, pwd, lite, candidates} of ICE; nil without it. A candidate is a table as add_candidate takes it"), ice),
		mediumField("codecs", luabind.ReturnsValue(luabind.List,
			"{payload, name, rate, channels, fmtp, feedback} for each codec, in their order; fmtp is nil and feedback empty without such lines. Empty for a medium that is not RTP"), codecs),
	},
	Methods: []luabind.Function{
		luabind.Func2(luabind.Function{Name: "attributes", Doc: "The values of the medium's own attributes of that name, in order; \"\" for one without a value.",
			Example: `local ssrc = sdp.of(req).media[1]:attributes("ssrc")`},
			luabind.Self[*medium](), luabind.TextArg("name", ""), luabind.ReturnsStrings("values"),
			func(c *luabind.Call, m *medium, name string) []string { return m.at(c).Attributes(name) }),
		luabind.Do2(luabind.Function{Name: "set_attribute", Doc: "Makes this the medium's only attribute of that name, or removes it.",
			Example: `sdp.of(req).media[1]:set_attribute("ptime", "20")`},
			luabind.Self[*medium](), attributeArg, func(c *luabind.Call, m *medium, a attribute) {
				m.edit(c, func(b body.Medium) error { return b.SetAttribute(a.name, a.value, a.remove) })
			}),
		luabind.Do2(luabind.Function{Name: "set_address", Doc: "Puts an address into the medium's c= line, whatever is there, or adds one, and into its a=rtcp.",
			Example: `sdp.of(req).media[1]:set_address("203.0.113.5")`},
			luabind.Self[*medium](), addressArg, func(c *luabind.Call, m *medium, a netip.Addr) {
				m.edit(c, func(b body.Medium) error { return b.SetAddress(a) })
			}),
		luabind.Do2(luabind.Function{Name: "set_port", Doc: "Sets the port.", Example: `sdp.of(req).media[1]:set_port(40000)`},
			luabind.Self[*medium](), luabind.IntArg("port", "0 to 65535"), func(c *luabind.Call, m *medium, port int) {
				m.edit(c, func(b body.Medium) error { return b.SetPort(port) })
			}),
		luabind.Do2(luabind.Function{Name: "set_direction", Doc: "Sets the direction.", Example: `sdp.of(req).media[1]:set_direction("sendonly")`},
			luabind.Self[*medium](), luabind.OneOfArg("direction", "", "sendrecv", "sendonly", "recvonly", "inactive"), func(c *luabind.Call, m *medium, d string) {
				m.edit(c, func(b body.Medium) error { return b.SetDirection(d) })
			}),
		luabind.Do1(luabind.Function{Name: "remove",
			Doc:     "Refuses the medium: port 0, and in no group. Its line stays, because an answer has as many as the offer (RFC 3264 §6).",
			Example: `sdp.of(req).media[1]:remove()`},
			luabind.Self[*medium](), func(c *luabind.Call, m *medium) { m.edit(c, body.Medium.Remove) }),
		mediumCodecs("keep_codecs", "Removes all codecs but these, if the medium is RTP.", body.Medium.KeepCodecs),
		mediumCodecs("remove_codecs", "Removes codecs, if the medium is RTP.", body.Medium.RemoveCodecs),
		luabind.Do2(luabind.Function{Name: "prefer_codecs", Doc: "Puts codecs first, in this order.", Example: `sdp.of(req).media[1]:prefer_codecs({ "opus" })`},
			luabind.Self[*medium](), codecsArg, func(c *luabind.Call, m *medium, names []string) {
				m.edit(c, func(b body.Medium) error { return b.PreferCodecs(names) })
			}),
		luabind.Func2(luabind.Function{Name: "remove_candidates", Doc: "Removes the ICE candidates of a type, or all.", Example: `sdp.of(req).media[1]:remove_candidates("host")`},
			luabind.Self[*medium](), candidateArg, luabind.ReturnsInt("how many were removed"), func(c *luabind.Call, m *medium, kind string) (n int) {
				m.edit(c, func(b body.Medium) (err error) { n, err = b.RemoveCandidates(kind); return err })
				return n
			}),
		luabind.Do2(luabind.Function{Name: "add_candidate", Doc: "Adds an ICE candidate after the others and below them in priority, or before and above them.",
			Raises:  "for words with spaces, and numbers out of range",
			Example: `sdp.of(req).media[1]:add_candidate({ address = "203.0.113.5", port = 40000, type = "relay", first = true })`},
			luabind.Self[*medium](), luabind.RequiredOptionsArg("candidate", newCandidate{Component: 1, Transport: "UDP", Type: "host"}),
			func(c *luabind.Call, m *medium, n newCandidate) {
				m.edit(c, func(b body.Medium) error { return b.AddCandidate(n.candidate(), n.First) })
			}),
	},
}

// ObjectType makes a medium an object of scripts.
func (m *medium) ObjectType() *luabind.ObjectType { return mediumType }

func mediumField[R any](name string, r luabind.Returns[R], get func(body.Medium) R) luabind.Field {
	f := luabind.FieldOf(name, r, func(c *luabind.Call, m *medium) R { return get(m.at(c)) })
	f.OrNil = f.OrNil || f.Type == luabind.Table
	return f
}

func mediumCodecs(name, doc string, change func(body.Medium, []string) (bool, error)) luabind.Function {
	return luabind.Func2(luabind.Function{Name: name, Doc: doc + refusing, Example: `sdp.of(req).media[1]:` + name + `({ "PCMA", "telephone-event" })`},
		luabind.Self[*medium](), codecsArg, luabind.ReturnsBool("false if the medium was refused"), func(c *luabind.Call, m *medium, names []string) (ok bool) {
			m.edit(c, func(b body.Medium) (err error) { ok, err = change(b, names); return err })
			return ok
		})
}

// newCandidate is the argument of add_candidate.
type newCandidate struct {
	Foundation     string `lua:"foundation" default:"one that is new" doc:"the foundation"`
	Component      int    `lua:"component" min:"1" max:"256" default:"1" doc:"1 for RTP, 2 for RTCP"`
	Transport      string `lua:"transport" default:"UDP" doc:"the transport"`
	Priority       int    `lua:"priority" min:"1" max:"2147483647" default:"from its place" doc:"the priority"`
	Address        string `lua:"address,required" doc:"an IP address or a name"`
	Port           int    `lua:"port,required" min:"0" max:"65535" doc:"the port"`
	Type           string `lua:"type" oneof:"host srflx prflx relay" default:"host" doc:"the type"`
	RelatedAddress string `lua:"related_address" doc:"raddr"`
	RelatedPort    int    `lua:"related_port" min:"0" max:"65535" doc:"rport"`
	Extra          string `lua:"extra" doc:"what follows"`
	First          bool   `lua:"first" doc:"puts it before the others"`
}

func (n newCandidate) candidate() body.Candidate {
	return body.Candidate{Foundation: n.Foundation, Component: n.Component, Transport: n.Transport, Priority: n.Priority, Address: n.Address, Port: n.Port,
		Type: n.Type, RelatedAddress: n.RelatedAddress, RelatedPort: n.RelatedPort, Extra: n.Extra}
}

func dtls(m body.Medium) any {
	fingerprint, setup, ok := m.DTLS()
	if !ok {
		return nil
	}
	t := map[string]any{"fingerprint": fingerprint}
	if setup != "" {
		t["setup"] = setup
	}
	return t
}

func ice(m body.Medium) any {
	i, ok := m.ICE()
	if !ok {
		return nil
	}
	list := make([]any, 0, len(i.Candidates))
	for _, c := range i.Candidates {
		t := map[string]any{"foundation": c.Foundation, "component": float64(c.Component), "transport": c.Transport, "priority": float64(c.Priority),
			"address": c.Address, "port": float64(c.Port), "type": c.Type}
		if c.RelatedAddress != "" {
			t["related_address"], t["related_port"] = c.RelatedAddress, float64(c.RelatedPort)
		}
		if c.Extra != "" {
			t["extra"] = c.Extra
		}
		list = append(list, t)
	}
	return map[string]any{"ufrag": i.Ufrag, "pwd": i.Pwd, "lite": i.Lite, "candidates": list}
}

func codecs(m body.Medium) any {
	all := m.Codecs()
	list := make([]any, 0, len(all))
	for _, c := range all {
		feedback := make([]any, 0, len(c.Feedback))
		for _, f := range c.Feedback {
			feedback = append(feedback, f)
		}
		t := map[string]any{"payload": float64(c.Payload), "name": c.Name, "rate": float64(c.Rate), "feedback": feedback}
		if c.Channels > 0 {
			t["channels"] = float64(c.Channels)
		}
		if c.FMTP != "" {
			t["fmtp"] = c.FMTP
		}
		list = append(list, t)
	}
	return list
}
