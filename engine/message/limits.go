package message

// This file holds the bounds of what Parse accepts, and the error that every part of the package
// returns.

// Limits bound what Parse accepts. A zero field means its default.
type Limits struct {
	Message    int // bytes of a whole message, default 65535
	Headers    int // header fields, default 256
	HeaderLine int // bytes of one header field with its folded lines, default 8192
	Body       int // bytes of the body, default 65535
	Params     int // parameters looked at in one header element or URI, default 64
	Elements   int // elements in one comma list, default 128
}

const (
	defaultMessage    = 65535
	defaultHeaders    = 256
	defaultHeaderLine = 8192
	defaultBody       = 65535
	defaultParams     = 64
	defaultElements   = 128
)

// resolved gives the limits with every default filled in. A nil receiver is all defaults.
func (l *Limits) resolved() Limits {
	if l == nil {
		return Limits{defaultMessage, defaultHeaders, defaultHeaderLine, defaultBody, defaultParams, defaultElements}
	}
	return Limits{
		Message:    orDefault(l.Message, defaultMessage),
		Headers:    orDefault(l.Headers, defaultHeaders),
		HeaderLine: orDefault(l.HeaderLine, defaultHeaderLine),
		Body:       orDefault(l.Body, defaultBody),
		Params:     orDefault(l.Params, defaultParams),
		Elements:   orDefault(l.Elements, defaultElements),
	}
}

func orDefault(n, def int) int {
	if n <= 0 {
		return def
	}
	return n
}

// Error says what is wrong with a message, and how a request with this fault is answered.
type Error struct {
	// 400, 413, 414, 416, 505, 513 …: the answer a request gets (RFC 3261 §21.4, §16.3)
	Status int
	Reason string // a reason phrase fit for the wire, naming the header: "Bad Via: empty host"
}

func (e *Error) Error() string { return e.Reason }

// bad is a 400 with the given reason. Reasons are constants of this package: they never contain
// bytes from the peer.
func bad(reason string) *Error { return &Error{Status: 400, Reason: reason} }
