package registrar

// This file is the binding: one contact of one address-of-record, packed small, never changed once
// made.

import (
	"math"
	"strings"
	"time"
	"unique"
	"unsafe"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/transport"
)

// Record is a binding in plain fields, as a store writes it down and as NewBinding reads it.
type Record struct {
	Contact   string   // the contact's URI as registered
	Params    string   // its header parameters (";q=0.7;+sip.instance=…"), without expires
	Q         float64  // 0 to 1; 1 when the contact named none
	CallID    string   // of the REGISTER that made or refreshed it
	CSeq      uint32   // of that REGISTER
	UserAgent string   // of that REGISTER, "" if it had none
	Path      []string // the Path it came by, topmost first (RFC 3327)
	// "udp:192.0.2.7:1024" if the client is behind a NAT or on a connection, otherwise ""
	Received string
	// The listener it came to, if only that one reaches the client, otherwise ""
	Socket   string
	Flow     transport.FlowID // the connection it came on, or 0; means nothing to another process
	FlowOnly bool             // the client asked to be reached on Flow and nowhere else (RFC 5626)
	Expires  time.Time        // when the binding ends, unless it is refreshed (§10.3)
	Updated  time.Time        // when it was last registered
}

// Binding is one contact of an address-of-record. It is immutable, so that lookups share it; a
// refresh makes a new one. There are millions: it has 64 bytes, a size of the allocator's, and what
// can be made from it is made when it is asked for.
type Binding struct {
	// text begins a text of contact, params, call-id, received and path; the fields below are where
	// each ends. A string would take 16 bytes more of the allocator. With markPacked, params is the
	// UUID in the middle of them.
	text                                      *byte
	endContact, endParams, endID, endReceived uint16
	marks                                     marks
	cseq                                      uint32
	expires, updated                          int64 // milliseconds since 1970
	flow                                      transport.FlowID
	common                                    unique.Handle[common]
	rare                                      *rarely // nil for most
}

// common is what many bindings have in common.
type common struct {
	socket    string // the listener it came to, if only that one reaches the client, otherwise ""
	userAgent string
	// Around the UUID of a binding's params: "" if it has none
	before, after string
}

// rarely is what few bindings have.
type rarely struct {
	path   []string
	others []*proxy.Target // further flows to the instance, in a binding made for a lookup
}

// marks are the preference in thousandths, which is all that a qvalue says (§25.1), and flags.
type marks uint16

const (
	markNamed    marks = 1 << 15 // it has an instance id
	markFlowOnly marks = 1 << 14
	markPacked   marks = 1 << 13 // of params there is a UUID
	markUpper    marks = 1 << 12 // it has upper case letters
	markQ        marks = 1<<10 - 1
)

// NewBinding packs a record. Its texts must be within the bounds of a REGISTER that was accepted;
// the contact is not empty.
func NewBinding(r *Record) *Binding {
	params := r.Params
	shared := common{socket: r.Socket, userAgent: r.UserAgent}
	before, id, upper, after, packed := cutUUID(params)
	if packed {
		params, shared.before, shared.after = string(id[:]), before, after
	}
	n := len(r.Contact) + len(params) + len(r.CallID) + len(r.Received)
	for _, p := range r.Path {
		n += len(p)
	}
	var text strings.Builder
	text.Grow(n)
	put := func(s string) uint16 {
		text.WriteString(s)
		return uint16(text.Len())
	}
	b := &Binding{cseq: r.CSeq, expires: r.Expires.UnixMilli(), updated: r.Updated.UnixMilli(), flow: r.Flow, common: unique.Make(shared)}
	b.endContact, b.endParams, b.endID, b.endReceived = put(r.Contact), put(params), put(r.CallID), put(r.Received)
	for _, p := range r.Path {
		put(p)
	}
	all := text.String()
	b.text = unsafe.StringData(all)
	b.marks = marks(math.Round(min(max(r.Q, 0), 1) * 1000))
	if named(r.Params) {
		b.marks |= markNamed
	}
	if r.FlowOnly {
		b.marks |= markFlowOnly
	}
	if packed {
		b.marks |= markPacked
	}
	if packed && upper {
		b.marks |= markUpper
	}
	if len(r.Path) > 0 {
		b.rare = &rarely{path: make([]string, len(r.Path))}
		at := int(b.endReceived)
		for i, p := range r.Path {
			b.rare.path[i] = all[at : at+len(p)]
			at += len(p)
		}
	}
	return b
}

// Record is the binding in plain fields.
func (b *Binding) Record() Record {
	return Record{Contact: b.Contact(), Params: b.paramText(), Q: b.Q(), CallID: b.CallID(), CSeq: b.cseq,
		UserAgent: b.UserAgent(), Path: b.Path(), Received: b.Received(), Socket: b.Socket(), Flow: b.Flow(), FlowOnly: b.flowOnly(),
		Expires: b.Expires(), Updated: b.Updated()}
}

// Target is the binding as a place to send requests to, made anew. Its Value is the binding.
func (b *Binding) Target() *proxy.Target {
	t := &proxy.Target{URI: b.Contact(), Received: b.Received(), FromSocket: b.Socket(), Flow: b.flow, FlowOnly: b.flowOnly(), Q: b.Q(), Value: b}
	if b.rare != nil {
		t.Path, t.Others = b.rare.path, b.rare.others
	}
	return t
}

// TargetName is what the String of its Target is: the contact's URI.
func (b *Binding) TargetName() string { return b.Contact() }

// with is the binding with further flows to its instance.
func (b *Binding) with(others []*proxy.Target) *Binding {
	own := *b
	own.rare = &rarely{path: b.Path(), others: others}
	return &own
}

// Contact is the contact's URI as registered.
func (b *Binding) Contact() string { return b.part(0, b.endContact) }

// part is a part of the binding's text.
func (b *Binding) part(from, to uint16) string { return unsafe.String(b.text, to)[from:] }

func (b *Binding) named() bool { return b.marks&markNamed != 0 }

func (b *Binding) flowOnly() bool { return b.marks&markFlowOnly != 0 }

// Params are the header parameters the contact was registered with, without expires.
func (b *Binding) Params() message.Params { return message.Params(viewOf(b.paramText())) }

func (b *Binding) paramText() string {
	if b.marks&markPacked == 0 {
		return b.part(b.endContact, b.endParams)
	}
	c := b.common.Value()
	text := b.appendParams(make([]byte, 0, len(c.before)+uuidText+len(c.after)))
	return unsafe.String(unsafe.SliceData(text), len(text))
}

func (b *Binding) appendParams(dst []byte) []byte {
	kept := b.part(b.endContact, b.endParams)
	if b.marks&markPacked == 0 {
		return append(dst, kept...)
	}
	c := b.common.Value()
	dst = appendUUID(append(dst, c.before...), kept, b.marks&markUpper != 0)
	return append(dst, c.after...)
}

// CallID is that of the REGISTER that made or refreshed the binding.
func (b *Binding) CallID() string { return b.part(b.endParams, b.endID) }

// CSeq is the number of that REGISTER.
func (b *Binding) CSeq() uint32 { return b.cseq }

// UserAgent is that REGISTER's User-Agent, or "".
func (b *Binding) UserAgent() string { return b.common.Value().userAgent }

// Received is "udp:192.0.2.7:1024" for a client behind a NAT, "tcp:192.0.2.7:49152" for one on a
// connection (see Flow), otherwise "".
func (b *Binding) Received() string { return b.part(b.endID, b.endReceived) }

// Socket is the listener it came to, if only that one reaches the client, otherwise "".
func (b *Binding) Socket() string { return b.common.Value().socket }

// Q is the contact's preference, or 1 if it gave none.
func (b *Binding) Q() float64 { return float64(b.marks&markQ) / 1000 }

// Path is the Path it came by, topmost first (RFC 3327); nil for none. It must only be read.
func (b *Binding) Path() []string {
	if b.rare == nil {
		return nil
	}
	return b.rare.path
}

// Flow is the connection the client is reached on, or 0.
func (b *Binding) Flow() transport.FlowID { return b.flow }

// Expires is when the binding ends.
func (b *Binding) Expires() time.Time { return time.UnixMilli(b.expires) }

// Updated is when the binding was last registered.
func (b *Binding) Updated() time.Time { return time.UnixMilli(b.updated) }

// named reports whether contact parameters have an instance id. It is called a million times after
// a restart, so it searches for the '+' first.
func named(params string) bool {
	if strings.IndexByte(params, '+') < 0 {
		return false
	}
	instance, _ := instanceOf(message.Params(viewOf(params)))
	return len(instance) > 0
}

// Instance is the UA's instance id (RFC 5626 §4.1) without quotes and angle brackets, "urn:uuid:…",
// or "".
func (b *Binding) Instance() string {
	instance, _ := instanceOf(b.Params())
	return string(instance)
}

// RegID says which of its instance's flows the binding is (RFC 5626 §4.2), or 0 if it names none.
func (b *Binding) RegID() int {
	_, id := instanceOf(b.Params())
	return id
}

// remaining is the whole seconds left at the time at, at least 1: a binding that is shown has not
// ended.
func (b *Binding) remaining(at int64) int64 { return max(1, (b.expires-at+500)/1000) }

// matches reports whether the binding's contact is the given URI, as text and parsed (§10.3 step 7:
// compared per §19.1.4).
func (b *Binding) matches(text []byte, uri *message.URI) bool {
	if string(text) == b.Contact() {
		return true
	}
	own, err := message.ParseURI(viewOf(b.Contact()))
	return err == nil && own.Equal(uri)
}

// before is the order of lookups: the highest q first, among equals the most recent first.
func (b *Binding) before(c *Binding) bool {
	if p, q := b.marks&markQ, c.marks&markQ; p != q {
		return p > q
	}
	return b.updated > c.updated
}

// sortBindings sorts a short list, keeping the order of equals.
func sortBindings(list []*Binding) {
	for i := 1; i < len(list); i++ {
		for j := i; j > 0 && list[j].before(list[j-1]); j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
}

// viewOf is s as bytes without a copy, for readers that never write.
func viewOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
