package message

import "net/netip"

// Method is a request method known to the engine, or MethodOther for an extension method, whose text is
// [Message.MethodText]. Method names are case-sensitive (RFC 3261 §7.1).
type Method uint8

const (
	MethodOther Method = iota
	MethodInvite
	MethodAck
	MethodBye
	MethodCancel
	MethodRegister
	MethodOptions
	MethodPrack
	MethodSubscribe
	MethodNotify
	MethodPublish
	MethodInfo
	MethodRefer
	MethodMessage
	MethodUpdate
)

func ParseMethod(text []byte) Method { panic("skeleton") }
func (m Method) String() string      { panic("skeleton") }

// HeaderID names a header field the engine knows, in any case and in its compact form. HeaderOther is every other name.
type HeaderID uint8

const (
	HeaderOther HeaderID = iota
	HeaderVia
	HeaderFrom
	HeaderTo
	HeaderCallID
	HeaderCSeq
	HeaderContact
	HeaderMaxForwards
	HeaderRoute
	HeaderRecordRoute
	HeaderPath
	HeaderServiceRoute
	HeaderContentLength
	HeaderContentType
	HeaderContentEncoding
	HeaderExpires
	HeaderMinExpires
	HeaderAuthorization
	HeaderProxyAuthorization
	HeaderWWWAuthenticate
	HeaderProxyAuthenticate
	HeaderAuthenticationInfo
	HeaderProxyAuthenticationInfo
	HeaderRequire
	HeaderProxyRequire
	HeaderSupported
	HeaderUnsupported
	HeaderAllow
	HeaderUserAgent
	HeaderServer
	HeaderReason
	HeaderDate
	HeaderEvent
	HeaderRetryAfter
	HeaderMaxBreadth
	HeaderRSeq
	// … every other header of the SIP registry that is a comma list, has a compact form, or may stand only once
)

func LookupHeader(name []byte) HeaderID { panic("skeleton") } // any case, compact forms ("v" is Via)
func (h HeaderID) String() string       { panic("skeleton") } // the canonical long name
func (h HeaderID) IsList() bool         { panic("skeleton") } // its ABNF is 1#element: one field may carry several
func (h HeaderID) Single() bool         { panic("skeleton") } // may stand only once in a message

// Limits bound what Parse accepts. The zero value of a field means its default.
type Limits struct {
	Message    int // bytes of a whole message, default 65535
	Headers    int // header fields, default 256
	HeaderLine int // bytes of one header field with its folded lines, default 8192
	Body       int // bytes of the body, default 65535
	Params     int // parameters looked at in one header element or URI, default 64
	Elements   int // elements in one comma list, default 128
}

// Error says what is wrong with a message and how a request that has it is answered.
type Error struct {
	Status int    // 400, 413, 414, 416, 505, 513 …: the answer a request gets (RFC 3261 §21.4, §16.3)
	Reason string // a reason phrase fit for the wire, naming the header: "Bad Via: empty host"
}

func (e *Error) Error() string { return e.Reason }

// Message is one SIP message: bytes, an index over them, and edits. See the package comment.
type Message struct {
	buf []byte
}

// Parse indexes the datagram b, which m refers to from now on: b must not change while m or a view of it is in use.
// After an error m holds what could be read, so that Answerable can say whether a 400 can be built from it.
// Content-Length shorter than the rest of a datagram cuts the body (§18.3); longer is an error (400).
func (m *Message) Parse(b []byte, lim *Limits) error { panic("skeleton") }

// Frame finds the first message in the stream bytes b (§18.3, RFC 3261 §7.5 leading CRLFs are the caller's business:
// see SkipCRLF). It returns the message's whole length, or 0 when more bytes are needed. It never asks for more than
// lim.Message bytes: beyond that, and for a missing or unreadable Content-Length on a stream, it returns an error,
// after which the connection can't be kept in step. scanned is a cursor the caller keeps between calls for the same
// message (0 at its start), so that a message arriving byte by byte is not searched from its start again each time.
func Frame(b []byte, lim *Limits, scanned *int) (n int, err error) { panic("skeleton") }

// Validate checks what a proxy must know to be right before it acts (RFC 3261 §16.3 step 1, RFC 4475): the mandatory
// headers stand once and parse, CSeq's method is the request's, the Request-URI parses, SIP version, Content-Length …
// For a response: the same, without what only requests have.
func (m *Message) Validate() error { panic("skeleton") }

// Answerable tells whether a response can be built from the request: Via, From, To, Call-ID and CSeq could be read.
func (m *Message) Answerable() bool { panic("skeleton") }

func (m *Message) Reset() { panic("skeleton") }

// Detach copies the bytes of m into a buffer of its own, so that the buffer it was parsed from may be used again.
// Views taken before it still refer to the old buffer.
func (m *Message) Detach() { panic("skeleton") }

// CopyTo makes dst the same message as m, with m's edits, sharing m's bytes but not its index or arena (a branch of a
// fork). m's bytes must outlive dst's use of them.
func (m *Message) CopyTo(dst *Message) { panic("skeleton") }

// Start line.

func (m *Message) IsRequest() bool                   { panic("skeleton") }
func (m *Message) Method() Method                    { panic("skeleton") }
func (m *Message) MethodText() []byte                { panic("skeleton") }
func (m *Message) RequestURI() []byte                { panic("skeleton") } // as edited
func (m *Message) Version() []byte                   { panic("skeleton") }
func (m *Message) Status() int                       { panic("skeleton") }
func (m *Message) ReasonPhrase() []byte              { panic("skeleton") }
func (m *Message) Body() []byte                      { panic("skeleton") }
func (m *Message) Size() int                         { panic("skeleton") } // what AppendTo would append, or a little more
func (m *Message) SetRequestURI(u []byte)            { panic("skeleton") }
func (m *Message) SetStatus(code int, reason string) { panic("skeleton") }

// Header fields. A field is named by its index, which holds until the next edit.

func (m *Message) Len() int                           { panic("skeleton") }
func (m *Message) ID(i int) HeaderID                  { panic("skeleton") }
func (m *Message) Name(i int) []byte                  { panic("skeleton") } // as written
func (m *Message) Value(i int) []byte                 { panic("skeleton") } // trimmed; folds still in it
func (m *Message) Find(id HeaderID, from int) int     { panic("skeleton") } // first field with id at or after from, or -1
func (m *Message) FindName(name string, from int) int { panic("skeleton") } // the same by any name
func (m *Message) Header(id HeaderID) []byte          { panic("skeleton") } // value of the first, or nil
func (m *Message) HeaderName(name string) []byte      { panic("skeleton") }

// Elements walks the elements of all fields with one id, splitting comma lists where the header is a list
// (quoted strings and <…> protect commas).
type Elements struct {
	// Value is the element, trimmed. Field is the field it stands in, Index its place within that field.
	Value []byte
	Field int
	Index int
}

func (m *Message) Elements(id HeaderID) Elements     { panic("skeleton") }
func (m *Message) ElementsName(name string) Elements { panic("skeleton") }
func (e *Elements) Next() bool                       { panic("skeleton") }

// Typed views of the headers every message has; parsed once, then kept until an edit of that header.

func (m *Message) TopVia() (Via, error)                     { panic("skeleton") }
func (m *Message) CSeq() (CSeq, error)                      { panic("skeleton") }
func (m *Message) CallID() []byte                           { panic("skeleton") }
func (m *Message) From() (Address, error)                   { panic("skeleton") }
func (m *Message) To() (Address, error)                     { panic("skeleton") }
func (m *Message) FromTag() []byte                          { panic("skeleton") } // nil when there is none
func (m *Message) ToTag() []byte                            { panic("skeleton") }
func (m *Message) MaxForwards() (n int, ok bool, err error) { panic("skeleton") }
func (m *Message) Expires() (seconds uint32, ok bool)       { panic("skeleton") } // unreadable: ok false

// Edits. Values are without the line's end. A CR, LF or NUL in a name or value is an error and changes nothing
// (header injection); a folded value is accepted only by AppendRaw-like internals, never here.

func (m *Message) Set(name, value string) error                         { panic("skeleton") } // first field replaced in place, others removed; else at the end
func (m *Message) Add(name, value string) error                         { panic("skeleton") } // after the last field
func (m *Message) AddFirst(name, value string) error                    { panic("skeleton") } // before the first of that name, else before all fields
func (m *Message) Remove(name string) int                               { panic("skeleton") } // how many fields went
func (m *Message) InsertTop(id HeaderID, value []byte)                  { panic("skeleton") } // as AddFirst, trusted bytes, no copy beyond the arena
func (m *Message) RemoveID(id HeaderID) int                             { panic("skeleton") }
func (m *Message) RemoveElement(id HeaderID, n int) bool                { panic("skeleton") } // the n-th element over all its fields (0 is topmost)
func (m *Message) ReplaceElement(id HeaderID, n int, value []byte) bool { panic("skeleton") }
func (m *Message) SetBody(body []byte, contentType string) error        { panic("skeleton") } // sets Content-Length and Content-Type; empty removes both body and type
func (m *Message) SetMaxForwards(n int)                                 { panic("skeleton") }

// SetReceived writes received= and, where the topmost Via asks for it, rport= (§18.2.1, RFC 3581 §4). received is
// written when the host of sent-by is not src's address literally, or when rport was asked for.
func (m *Message) SetReceived(src netip.AddrPort) { panic("skeleton") }

// AppendTo appends the message with its edits to dst, in one pass, adjacent untouched fields as one copy.
func (m *Message) AppendTo(dst []byte) []byte { panic("skeleton") }

// Via is one Via element (§20.42, RFC 3581). Whitespace around '/' , ':' and ';' is allowed on input.
type Via struct {
	Version   []byte // "SIP/2.0"
	Transport []byte // as written: "UDP"
	Host      []byte // IPv6 references without brackets
	Port      uint16 // 0: none written
	Params    Params
}

func ParseVia(element []byte) (Via, error)        { panic("skeleton") }
func (v *Via) Branch() []byte                     { panic("skeleton") }
func (v *Via) Received() []byte                   { panic("skeleton") }
func (v *Via) RPort() (port uint16, present bool) { panic("skeleton") }

type CSeq struct {
	Number uint32
	Method Method
	Text   []byte // the method as written
}

// Address is a name-addr or addr-spec with header parameters (§20.10): From, To, Contact, Route, Record-Route, Path,
// Refer-To, P-Asserted-Identity … In the addr-spec form what follows ';' belongs to the header (§20).
type Address struct {
	Display []byte // as written, quotes included
	URI     []byte
	Params  Params
	Star    bool // Contact: *
}

func ParseAddress(element []byte) (Address, error) { panic("skeleton") }
func (a *Address) DisplayName() string             { panic("skeleton") } // unquoted, escapes undone
func (a *Address) Tag() []byte                     { panic("skeleton") }

// Params is a run of ";name=value" pairs as written. Names compare without case; values may be tokens, hosts or
// quoted strings.
type Params []byte

func (p Params) Get(name string) (value []byte, present bool) { panic("skeleton") } // quotes kept off; "" when it has no value
func (p Params) Has(name string) bool                         { panic("skeleton") }

// Each calls f for each parameter in order until it returns false.
func (p Params) Each(f func(name, value []byte) bool) { panic("skeleton") }

// URI is a SIP, SIPS or TEL URI, or any other absolute URI with Scheme and Opaque only (§19.1, RFC 3966).
type URI struct {
	Scheme      []byte // as written
	User        []byte // escaped, as written; nil: none; tel: the number
	Password    []byte
	HasPassword bool   // "user:@host" has an empty one
	Host        []byte // IPv6 references without brackets
	Port        uint16 // 0: none written
	Params      Params // ";lr;transport=tcp" as written
	Headers     []byte // after '?', as written
	Opaque      []byte // schemes other than sip, sips, tel: all after ':'
}

func ParseURI(text []byte) (URI, error)   { panic("skeleton") }
func (u *URI) AppendTo(dst []byte) []byte { panic("skeleton") } // byte for byte what was parsed, when nothing was changed
func (u *URI) IsSIP() bool                { panic("skeleton") } // sip or sips
func (u *URI) Equal(v *URI) bool          { panic("skeleton") } // §19.1.4 (tel: RFC 3966 §4)

// AppendAOR appends the canonical address-of-record (§10.3 step 5): scheme sip, user unescaped then canonically
// escaped, host in lower case, no port when it is the scheme's default, no parameters, password or headers.
func (u *URI) AppendAOR(dst []byte) []byte { panic("skeleton") }

// Building.

// AppendResponse appends a response to req (§8.2.6): all Via, From, To (with toTag where it has none; none for 100), Call-ID, CSeq, and, for
// 1xx above 100 and 2xx, Record-Route; Timestamp into a 100; then headers (whole "Name: value\r\n" lines) and the body with its Content-Length.
func AppendResponse(dst []byte, req *Message, code int, reason string, toTag string, headers []byte, body []byte) []byte {
	panic("skeleton")
}

// AppendAck appends the ACK to the non-2xx final res of the sent INVITE (§17.1.1.3): one Via (the sent request's topmost), its Route set, To of the response.
func AppendAck(dst []byte, invite, res *Message) []byte { panic("skeleton") }

// AppendCancel appends the CANCEL of the sent INVITE (§9.1), with extra header lines (Reason).
func AppendCancel(dst []byte, invite *Message, headers []byte) []byte { panic("skeleton") }

// RequestSpec is what AppendRequest writes. Empty fields are left out; Via is the caller's to push on sending.
type RequestSpec struct {
	Method, URI, From, To, CallID string // From and To whole values, tags included
	CSeq                          uint32
	MaxForwards                   int
	Routes                        []string
	Headers                       []byte // whole lines
	ContentType                   string
	Body                          []byte
}

func AppendRequest(dst []byte, r *RequestSpec) []byte { panic("skeleton") }

// ReasonFor is the default reason phrase of a status code, "" for an unknown one.
func ReasonFor(code int) string { panic("skeleton") }
