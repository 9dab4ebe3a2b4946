package message

// This file reads Via elements.

// Via is one Via element (§20.42, RFC 3581). White space around '/', ':' and ';' is allowed on
// input. The Params of a parsed Via must not be replaced.
type Via struct {
	Version   []byte // "SIP/2.0"
	Transport []byte // as written: "UDP"
	Host      []byte // IPv6 references without brackets
	Port      uint16 // 0: none written
	Params    Params

	branch found // the branch parameter
}

// ParseVia reads one element of a Via field:
//
//	sent-protocol LWS sent-by *( SEMI via-params )
//
// The error is an [*Error] of status 400.
func ParseVia(element []byte) (Via, error) {
	var v Via
	err := v.parse(element, defaultParams)
	return v, orNil(err)
}

// parse reads the Via b into v, which is empty. After an error behind sent-by, v holds what could
// be read.
func (v *Via) parse(b []byte, limit int) *Error {
	i, flaw := v.parseProtocol(b)
	if flaw != "" {
		return bad("Bad Via: " + flaw)
	}
	var h hostport
	if flaw = h.parse(b, i, true); flaw != "" {
		return bad("Bad Via: " + flaw)
	}
	v.Host, v.Port = b[h.lo:h.hi:h.hi], h.port
	i = skipSpace(b, h.end)
	if i < len(b) && b[i] != ';' {
		return bad("Bad Via: bad host or port")
	}
	v.Params = Params(b[i:])
	if flaw = v.Params.check(limit, "branch", &v.branch); flaw != "" {
		return bad("Bad Via: " + flaw)
	}
	return nil
}

// parseProtocol reads protocol-name SLASH protocol-version SLASH transport LWS and returns where
// sent-by begins.
func (v *Via) parseProtocol(b []byte) (i int, flaw string) {
	const usual = "SIP/2.0/"
	i = skipSpace(b, 0)
	if len(b)-i > len(usual) && string(b[i:i+len(usual)]) == usual {
		v.Version = b[i : i+len(usual)-1 : i+len(usual)-1]
		i += len(usual)
	} else {
		var name, version []byte
		start := i
		if name, i = viaToken(b, i); name == nil {
			return i, "no protocol"
		}
		if i = slash(b, i); i < 0 {
			return i, "no protocol version"
		}
		if version, i = viaToken(b, i); version == nil {
			return i, "no protocol version"
		}
		v.Version = b[start:i:i]
		if len(v.Version) != len(name)+1+len(version) {
			// White space around the slash: make it the way Version is promised.
			v.Version = append(append(append(make([]byte, 0, len(v.Version)), name...), '/'), version...)
		}
		if i = slash(b, i); i < 0 {
			return i, "no transport"
		}
	}
	i = skipSpace(b, i)
	if v.Transport, i = viaToken(b, i); v.Transport == nil {
		return i, "no transport"
	}
	host := skipSpace(b, i)
	if host == i {
		return i, "empty host"
	}
	return host, ""
}

func viaToken(b []byte, i int) (token []byte, end int) {
	start := i
	for i < len(b) && is(b[i], charToken) {
		i++
	}
	if i == start {
		return nil, i
	}
	return b[start:i:i], i
}

// slash skips SLASH, '/' with white space around it, at b[i], or returns -1 if there is none.
func slash(b []byte, i int) int {
	i = skipSpace(b, i)
	if i == len(b) || b[i] != '/' {
		return -1
	}
	return skipSpace(b, i+1)
}

// Branch is the branch parameter, or nil if there is none.
func (v *Via) Branch() []byte { return v.branch.value(v.Params, "branch") }

// Received is the received parameter, an IP address without brackets, or nil if there is none.
func (v *Via) Received() []byte {
	b, _ := v.Params.Get("received")
	return unbracket(b)
}

// RPort is the rport parameter (RFC 3581 §3); port is 0 while it has no value, and when that is not
// a port number.
func (v *Via) RPort() (port uint16, present bool) {
	b, present := v.Params.Get("rport")
	n, ok := decimal(b, 65535)
	if !ok {
		n = 0
	}
	return uint16(n), present
}
