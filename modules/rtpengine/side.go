package rtpengine

import (
	"errors"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/modules/rtpengine/ng"
)

// Side is what one party of a call is shown, whoever offers. The zero value is "auto": a party that
// spoke WebRTC, or is reached over a WebSocket, is shown WebRTC, and others plain RTP.
type Side struct {
	Interface string   `lua:"interface" doc:"the daemon's interface towards this side"`
	Transport string   `lua:"transport" oneof:"RTP/AVP RTP/AVPF RTP/SAVP RTP/SAVPF UDP/TLS/RTP/SAVP UDP/TLS/RTP/SAVPF" default:"auto" doc:"the profile of its media lines"`
	ICE       string   `lua:"ice" oneof:"remove force optional" default:"auto" doc:"candidates: taken away, only the daemon's, or the daemon's beside the others"`
	DTLS      string   `lua:"dtls" oneof:"off passive active" default:"auto" doc:"the daemon's role in DTLS-SRTP"`
	RTCPMux   string   `lua:"rtcp_mux" oneof:"offer require demux accept reject" default:"auto" doc:"RTP and RTCP on one port"`
	Codec     Codec    `lua:"codec" doc:"{strip=, transcode=, mask=, except=, offer=}"`
	Address   string   `lua:"address" doc:"shown in place of the interface's own"`
	Record    bool     `lua:"record" doc:"its media is recorded, as the daemon is set up"`
	Label     string   `lua:"label" doc:"names the side in recordings, and for play"`
	Flags     []string `lua:"flags" doc:"further flags of the protocol: {\"symmetric\", \"trust-address\"}"`
}

// Codec is what happens to the codecs that a side is shown.
type Codec struct {
	Strip     []string `lua:"strip" doc:"taken away: {\"opus\"}; {\"all\"} with except"`
	Transcode []string `lua:"transcode" doc:"added, and transcoded where the other side lacks them"`
	Mask      []string `lua:"mask" doc:"hidden from this side, and transcoded"`
	Except    []string `lua:"except" doc:"kept where all are stripped"`
	Offer     []string `lua:"offer" doc:"the only ones, in this order, of those that are there"`
}

// kind is what a side speaks.
type kind byte

const (
	byHand kind = 0 // whatever it is: nothing is added to what the script says
	plain  kind = 'p'
	webRTC kind = 'w'
)

// profiles are what a side speaks, as its media lines have it.
var profiles = map[kind]string{plain: "RTP/AVP", 'f': "RTP/AVPF", 's': "RTP/SAVP", 't': "RTP/SAVPF", 'd': "UDP/TLS/RTP/SAVP", webRTC: "UDP/TLS/RTP/SAVPF"}

// isAuto reports whether nothing is said of how the side's media travels.
func (s *Side) isAuto() bool {
	return s.Transport == "" && s.ICE == "" && s.DTLS == "" && s.RTCPMux == ""
}

// params are the options of the protocol for showing something to the side, which speaks k. The
// daemon knows by itself what an answer has to look like: that is as the side offered.
func (s *Side) params(k kind, answer bool) ng.Dict {
	d := ng.Dict{"replace": []string{"origin"}}
	profile, ice, mux, dtls := s.Transport, s.ICE, s.RTCPMux, s.DTLS
	auto := s.isAuto()
	switch {
	case k == byHand:
	case auto && k == webRTC:
		profile, ice, mux = profiles[k], "force", "offer"
	case auto:
		profile, ice, mux = profiles[k], "remove", "demux"
	}
	if auto && answer {
		profile, mux = "", ""
	}
	put := func(key, value string) {
		if value != "" {
			d[key] = value
		}
	}
	put("transport-protocol", profile)
	put("ICE", ice)
	put("DTLS", dtls)
	put("media-address", s.Address)
	put("label", s.Label)
	if mux != "" {
		d["rtcp-mux"] = []string{mux}
	}
	if s.Record {
		d["record call"] = "yes"
	}
	flags := slices.Clone(s.Flags)
	if k == webRTC && auto && !answer {
		d["SDES"] = []string{"off"}
		flags = append(flags, "generate-mid")
	}
	if k == 's' || k == 't' || profile == profiles['s'] || profile == profiles['t'] {
		// The daemon leaves the padding of keys out, and phones that expect it (RFC 4568 §6.1, RFC
		// 3548 §2.2) read another key.
		d["SDES"] = []string{"pad"}
	}
	if len(flags) > 0 {
		d["flags"] = flags
	}
	s.Codec.put(d)
	return d
}

func (c *Codec) put(d ng.Dict) {
	codecs := ng.Dict{}
	for _, l := range [...]struct {
		key  string
		list []string
	}{{"strip", c.Strip}, {"transcode", c.Transcode}, {"mask", c.Mask}, {"except", c.Except}, {"offer", c.Offer}} {
		if len(l.list) > 0 {
			codecs[l.key] = l.list
		}
	}
	if len(codecs) > 0 {
		d["codec"] = codecs
	}
}

// speaks is what the sender of a description speaks; over is how its request came.
func speaks(sdp []byte, over transport.Kind) kind {
	text := string(sdp)
	_, line, there := strings.Cut(text, "\nm=")
	if !there {
		if over == transport.WS || over == transport.WSS {
			return webRTC
		}
		return plain
	}
	line, _, _ = strings.Cut(line, "\n")
	words := strings.Fields(line)
	if len(words) < 3 {
		return plain
	}
	if strings.HasSuffix(words[2], "/SAVPF") && strings.Contains(text, "a=fingerprint:") {
		return webRTC // old ones write RTP/SAVPF
	}
	for k, profile := range profiles {
		if words[2] == profile {
			return k
		}
	}
	return plain
}

// kindOf is what the callee of a branch speaks, by how it is reached: browsers have WebSockets.
func kindOf(b *engine.Branch) kind {
	received := ""
	if t := b.Target(); t != nil {
		received = t.Received
	}
	return kindAt(received, string(b.Message().RequestURI()))
}

// kindAt is what somebody speaks who is reached so.
func kindAt(received, uri string) kind {
	if strings.HasPrefix(received, "ws:") || strings.HasPrefix(received, "wss:") {
		return webRTC
	}
	uri = strings.ToLower(uri)
	if _, params, ok := strings.Cut(uri, ";"); ok && slices.ContainsFunc(strings.Split(params, ";"), func(p string) bool {
		return p == "transport=ws" || p == "transport=wss"
	}) {
		return webRTC
	}
	return plain
}

// A call's media in its dialog: which daemon has it, and what either side is shown. It travels in
// our Record-Route (engine.Request.Carry), so that nothing is kept, and any node with the secret
// can go on.
type carried struct {
	engine         uint32
	pass           bool // on_failure
	caller, callee shown
	set            string
	// Tells the passages of a call apart that comes through here more than once; "" for the first.
	id string
}

// shown is one side and what it speaks.
type shown struct {
	kind kind
	Side
}

var errNote = errors.New("the options of rtpengine.manage are too long to travel with the call: they have more than 256 bytes; put what is the same for all calls into the daemon's configuration")

// noteName is what the note is carried under.
const noteName = "r"
