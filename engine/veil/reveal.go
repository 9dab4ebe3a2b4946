package veil

// Revealing: the first thing done to a message that arrives.

import (
	"bytes"

	"github.com/sipscript/sipscript/engine/message"
)

// Reveal puts back what was hidden in m. It returns nil if nothing was.
func (k *Keys) Reveal(m *message.Message) *Veil {
	v := k.RevealCallID(m)
	if m.IsRequest() {
		return k.revealRequest(m, v)
	}
	return k.revealResponse(m, v)
}

// RevealCallID is Reveal for a message of which nothing else can be read.
func (k *Keys) RevealCallID(m *message.Message) *Veil {
	id, ok := k.CallID(m.CallID())
	if !ok {
		return nil
	}
	v := &Veil{CallID: string(m.CallID())}
	if m.Set("Call-ID", string(id)) != nil {
		return nil
	}
	return v
}

// target is what a URI of ours leads to, and the options of its dialog.
func (k *Keys) target(u *message.URI) (o Options, texts [][]byte, ok bool) {
	token, ok := cutPrefix(u.User)
	if !ok {
		if token, ok = u.Params.Get(paramName); !ok {
			return o, nil, false
		}
	}
	b := k.openToken(kindContact, token)
	o, flags, b, ok := cutOptions(b)
	if !ok {
		return o, nil, false
	}
	if texts, ok = cutTexts(b); !ok || len(texts) == 0 {
		return o, nil, false
	}
	if flags&flagSIP != 0 {
		texts[0] = append([]byte("sip:"), texts[0]...)
	}
	return o, texts, true
}

func (k *Keys) revealRequest(m *message.Message, v *Veil) *Veil {
	uri := m.RequestURI()
	if !bytes.Contains(uri, []byte("vl")) && !bytes.Contains(uri, []byte("VL")) { // nearly all
		return v
	}
	u, err := message.ParseURI(uri)
	if err != nil {
		return v
	}
	o, texts, ok := k.target(&u)
	if !ok {
		return v
	}
	if v == nil {
		v = &Veil{}
	}
	v.Options = o
	m.SetRequestURI(bytes.Clone(texts[0]))
	if v.Hidden = len(m.ToTag()) > 0; !v.Hidden {
		return v
	}
	for _, r := range texts[1:] {
		m.AppendLast(message.HeaderRoute, bracketed(r))
	}
	return v
}

func (k *Keys) revealResponse(m *message.Message, v *Veil) *Veil {
	vias := m.Elements(message.HeaderVia)
	vias.Next()
	if !vias.Next() { // ours is the first
		return v
	}
	via, err := message.ParseVia(vias.Value)
	if err != nil || string(via.Host) != hiddenHost {
		return v
	}
	sealed, ok := bytes.CutPrefix(via.Branch(), []byte(branchPrefix))
	if !ok || len(sealed) > branchEncoding.EncodedLen(MaxText) {
		return v
	}
	text, err := branchEncoding.DecodeString(string(sealed))
	if err != nil {
		return v
	}
	o, _, b, ok := cutOptions(k.open(kindVia, text))
	if !ok || len(b) < 2 {
		return v
	}
	n, below := int(b[0]), int(b[1])
	texts, ok := cutTexts(b[2:])
	if !ok || n > len(texts) {
		return v
	}
	if v == nil {
		v = &Veil{}
	}
	v.Options, v.Hidden = o, true
	m.RemoveElement(message.HeaderVia, 1)
	for _, one := range texts[:n] {
		m.AppendLast(message.HeaderVia, one)
	}
	v.Below = below
	if m.Find(message.HeaderRecordRoute, 0) >= 0 {
		for _, r := range texts[n:] {
			m.AppendLast(message.HeaderRecordRoute, bracketed(r))
		}
	}
	return v
}

func bracketed(r []byte) []byte {
	if bytes.IndexByte(r, '<') >= 0 {
		return bytes.Clone(r)
	}
	return append(append([]byte{'<'}, r...), '>')
}
