package relay

// Messages of clients, and answers to them.

import (
	"net"
	"time"

	"github.com/pion/stun/v3"
)

// Attributes that pion/stun has no name for (RFC 8489 §18.3).
const (
	attrPasswordAlgorithm  stun.AttrType = 0x001D
	attrUserhash           stun.AttrType = 0x001E
	attrPasswordAlgorithms stun.AttrType = 0x8002
	attrResponsePort       stun.AttrType = 0x0027 // RFC 5780
)

// mostMessage bounds a request; data in a send indication may be longer.
const mostMessage = 2048

// request is a request that is being handled.
type request struct {
	*stun.Message
	w      *worker
	client *client
	now    time.Time
	print  bool // it has a FINGERPRINT, and so has its answer
	// Of a request with credentials
	username  string
	key       []byte
	integrity stun.AttrType // the attribute that the answer has too
}

// message handles a STUN message (RFC 8489 §6.3). What is malformed, and what only a client can
// be sent, is dropped.
func (w *worker) message(c *client, b []byte) {
	m := &stun.Message{Raw: b}
	if m.Decode() != nil || int(m.Length)+stunHeader != len(b) {
		w.s.stats.malformed.Add(1)
		return
	}
	r := request{Message: m, w: w, client: c, now: time.Unix(0, w.now), print: m.Contains(stun.AttrFingerprint)}
	if r.print && stun.Fingerprint.Check(m) != nil {
		w.s.stats.malformed.Add(1)
		return
	}
	switch {
	case m.Type.Class == stun.ClassIndication && m.Type.Method == stun.MethodSend && c.listener.Kind != STUN:
		r.send()
	case m.Type.Class != stun.ClassRequest:
	case len(b) > mostMessage:
		w.s.stats.malformed.Add(1)
	case m.Type.Method == stun.MethodBinding:
		r.binding()
	case c.listener.Kind == STUN:
	default:
		r.allocations()
	}
}

// binding tells a client its address (RFC 8489 §6.3.1.1). Credentials are not needed and not
// looked at (§12).
func (r *request) binding() {
	r.w.s.stats.bindings.Add(1)
	if unknown := r.unknown(); len(unknown) > 0 {
		r.refuse(stun.CodeUnknownAttribute, unknown)
		return
	}
	r.answer(stun.ClassSuccessResponse, r.mapped())
}

func (r *request) mapped() stun.Setter {
	return &stun.XORMappedAddress{IP: r.client.addr.Addr().AsSlice(), Port: int(r.client.addr.Port())}
}

// allocations handles the requests that need credentials.
func (r *request) allocations() {
	var handle func(a *allocation)
	switch r.Type.Method {
	case stun.MethodAllocate:
		handle = r.allocate
	case stun.MethodRefresh:
		handle = r.refresh
	case stun.MethodCreatePermission:
		handle = r.createPermission
	case stun.MethodChannelBind:
		handle = r.channelBind
	default: // a method that is not known (RFC 8489 §6.3)
		r.w.s.stats.malformed.Add(1)
		return
	}
	a := r.w.s.table.find(r.client)
	if !r.authenticate(a) {
		return
	}
	if unknown := r.unknown(); len(unknown) > 0 { // after credentials were checked: RFC 8489 §6.3
		r.refuse(stun.CodeUnknownAttribute, unknown)
		return
	}
	if r.Type.Method != stun.MethodAllocate {
		if a == nil {
			r.refuse(stun.CodeAllocMismatch) // RFC 8656 §5
			return
		}
		// An allocation belongs to who made it (RFC 8656 §5), who may show newer credentials.
		if name, _, _ := userOf(r.username); name != a.user.name {
			r.refuse(stun.CodeWrongCredentials)
			return
		}
		a.username = r.username
	}
	handle(a)
}

// unknown are the attributes that must be understood and are not (RFC 8489 §6.3.1).
func (r *request) unknown() stun.UnknownAttributes {
	var list stun.UnknownAttributes
	for _, a := range r.Attributes {
		if a.Type < 0x8000 && !r.knows(a.Type) && len(list) < 16 {
			list = append(list, a.Type)
		}
	}
	return list
}

func (r *request) knows(t stun.AttrType) bool {
	switch t {
	case stun.AttrMappedAddress, stun.AttrUsername, stun.AttrMessageIntegrity, stun.AttrMessageIntegritySHA256, stun.AttrErrorCode, stun.AttrUnknownAttributes,
		stun.AttrRealm, stun.AttrNonce, stun.AttrXORMappedAddress, attrPasswordAlgorithm:
		return true
	case stun.AttrPriority, stun.AttrUseCandidate: // of a binding request that is meant for a peer
		return r.Type.Method == stun.MethodBinding
	case stun.AttrChannelNumber, stun.AttrLifetime, stun.AttrXORPeerAddress, stun.AttrData, stun.AttrXORRelayedAddress, stun.AttrEvenPort,
		stun.AttrRequestedTransport, stun.AttrReservationToken, stun.AttrRequestedAddressFamily:
		return r.Type.Method != stun.MethodBinding
	}
	return false
}

// answer sends an answer.
func (r *request) answer(class stun.MessageClass, attributes ...stun.Setter) {
	m := &stun.Message{Raw: make([]byte, 0, 256), TransactionID: r.TransactionID, Type: stun.MessageType{Method: r.Type.Method, Class: class}}
	m.WriteHeader()
	for _, a := range attributes {
		if err := a.AddTo(m); err != nil { // a fault of ours
			r.w.s.log.Error("an answer could not be written", "error", err)
			return
		}
	}
	switch r.integrity {
	case stun.AttrMessageIntegrity:
		_ = stun.MessageIntegrity(r.key).AddTo(m)
	case stun.AttrMessageIntegritySHA256:
		addSHA256(m, r.key)
	}
	if r.print {
		_ = stun.Fingerprint.AddTo(m)
	}
	r.w.toClient(r.client, m.Raw)
}

// refuse sends an error.
func (r *request) refuse(code stun.ErrorCode, attributes ...stun.Setter) {
	r.answer(stun.ClassErrorResponse, append([]stun.Setter{&stun.ErrorCodeAttribute{Code: code, Reason: []byte(reason(code))}}, attributes...)...)
}

// reason is what is said about a code (RFC 8489 §14.8, RFC 8656 §19).
func reason(code stun.ErrorCode) string {
	switch code {
	case stun.CodeBadRequest:
		return "Bad Request"
	case stun.CodeUnauthorized:
		return "Unauthenticated"
	case stun.CodeForbidden:
		return "Forbidden"
	case stun.CodeUnknownAttribute:
		return "Unknown Attribute"
	case stun.CodeAllocMismatch:
		return "Allocation Mismatch"
	case stun.CodeStaleNonce:
		return "Stale Nonce"
	case stun.CodeAddrFamilyNotSupported:
		return "Address Family not Supported"
	case stun.CodeWrongCredentials:
		return "Wrong Credentials"
	case stun.CodeUnsupportedTransProto:
		return "Unsupported Transport Protocol"
	case stun.CodePeerAddrFamilyMismatch:
		return "Peer Address Family Mismatch"
	case stun.CodeAllocQuotaReached:
		return "Allocation Quota Reached"
	case stun.CodeInsufficientCapacity:
		return "Insufficient Capacity"
	}
	return ""
}

// raw is an attribute whose value is there already.
type raw struct {
	kind  stun.AttrType
	value []byte
}

// AddTo makes it a stun.Setter.
func (a raw) AddTo(m *stun.Message) error {
	m.Add(a.kind, a.value)
	return nil
}

// address is an address as an attribute has it.
type address struct {
	kind stun.AttrType
	ip   net.IP
	port uint16
}

// AddTo makes it a stun.Setter.
func (a address) AddTo(m *stun.Message) error {
	return stun.XORMappedAddress{IP: a.ip, Port: int(a.port)}.AddToAs(m, a.kind)
}
