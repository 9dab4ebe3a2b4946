package registrar

// This file writes bindings down for stores, and reads them back: one address's bindings as a few
// hundred bytes.
//
// Format 1: the byte 1, then for each binding: contact, params, Call-ID, User-Agent, received and
// socket (each its length as a varint, then its bytes), the number of Path values and each like
// that, then as varints q in thousandths (with flowOnly), CSeq, flow, and the times of expiry and
// update in milliseconds since 1970.

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
	"unique"
	"unsafe"

	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/transport"
)

const codecVersion = 1

// flowOnly in q is Record.FlowOnly: q is 1000 at most.
const flowOnly = 1 << 10

var (
	errFormat  = errors.New("registrar: the stored bindings have a format unknown to this version")
	errDamaged = errors.New("registrar: stored bindings are damaged")
)

// AppendBindings appends bindings as ParseBindings reads them.
func AppendBindings(dst []byte, bindings []*Binding) []byte {
	dst = append(dst, codecVersion)
	for _, b := range bindings {
		r := b.Record()
		dst = AppendRecord(dst, &r)
	}
	return dst
}

// AppendRecord appends one more binding to the output of AppendBindings.
func AppendRecord(dst []byte, r *Record) []byte {
	for _, s := range [...]string{r.Contact, r.Params, r.CallID, r.UserAgent, r.Received, r.Socket} {
		dst = proxy.AppendText(dst, s)
	}
	dst = binary.AppendUvarint(dst, uint64(len(r.Path)))
	for _, p := range r.Path {
		dst = proxy.AppendText(dst, p)
	}
	q := uint64(math.Round(r.Q * 1000))
	if r.FlowOnly {
		q |= flowOnly
	}
	dst = binary.AppendUvarint(dst, q)
	dst = binary.AppendUvarint(dst, uint64(r.CSeq))
	dst = binary.AppendUvarint(dst, uint64(r.Flow))
	dst = binary.AppendVarint(dst, r.Expires.UnixMilli())
	return binary.AppendVarint(dst, r.Updated.UnixMilli())
}

// ParseBindings reads what AppendBindings wrote; edit, if not nil, may change each record before it
// becomes a binding. Nothing of data is kept. The error says that data is damaged, or of another
// version.
func ParseBindings(data []byte, edit func(*Record)) ([]*Binding, error) {
	if len(data) == 0 || data[0] != codecVersion {
		return nil, errFormat
	}
	d := decoder{rest: data[1:]}
	var list []*Binding
	for len(d.rest) > 0 {
		r := d.record()
		if d.failed {
			return nil, errDamaged
		}
		if edit != nil {
			edit(&r)
		}
		if !r.fits() {
			return nil, errDamaged
		}
		list = append(list, NewBinding(&r))
	}
	return list, nil
}

// fits reports whether the texts are valid in registrations: NewBinding relies on it.
func (r *Record) fits() bool {
	path := 0
	for _, p := range r.Path {
		path += len(p)
	}
	return r.Contact != "" && len(r.Contact)+len(r.Params) <= maxContact && len(r.CallID) <= maxCallID && len(r.UserAgent) <= maxUserAgent &&
		len(r.Received) <= maxReceived && path <= maxPath && r.Q >= 0 && r.Q <= 1
}

// maxReceived is more than "wss:[…]:65535" ever has.
const maxReceived = 128

// decoder reads one binding after the other. Its texts refer to the data.
type decoder struct {
	rest   []byte
	failed bool
}

func (d *decoder) record() (r Record) {
	r.Contact, r.Params, r.CallID, r.UserAgent, r.Received = d.text(), d.text(), d.text(), d.text(), d.text()
	if socket := d.text(); socket != "" {
		r.Socket = unique.Make(socket).Value() // one text for all bindings of a listener
	}
	if n := d.number(); n > 0 {
		if n > uint64(len(d.rest)) {
			d.failed = true
			return r
		}
		r.Path = make([]string, n)
		for i := range r.Path {
			r.Path[i] = d.text()
		}
	}
	q := d.number()
	r.Q, r.FlowOnly = float64(q&^flowOnly)/1000, q&flowOnly != 0
	cseq := d.number()
	d.failed = d.failed || cseq > math.MaxUint32
	r.CSeq, r.Flow = uint32(cseq), transport.FlowID(d.number())
	r.Expires, r.Updated = d.time(), d.time()
	return r
}

func (d *decoder) number() uint64 {
	v, n := binary.Uvarint(d.rest)
	return v * uint64(d.took(n))
}

func (d *decoder) time() time.Time {
	v, n := binary.Varint(d.rest)
	return time.UnixMilli(v * int64(d.took(n)))
}

// took moves on by n bytes; 0 for a number that could not be read.
func (d *decoder) took(n int) int {
	if n <= 0 {
		d.failed, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return 1
}

func (d *decoder) text() string {
	n := d.number()
	if n > uint64(len(d.rest)) {
		d.failed, d.rest = true, nil
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return unsafe.String(unsafe.SliceData(s), len(s))
}
