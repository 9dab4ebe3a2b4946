package veil

// What is inside of what is sealed.

import "encoding/binary"

const (
	flagCallID = 1 << iota
	flagWarning
	flagHistory
	flagUser // the user of shown Contacts follows
	flagSIP  // "sip:" is left out
)

// appendOptions begins a text.
func appendOptions(b []byte, o *Options, flags byte) []byte {
	for _, one := range [...]struct {
		set  bool
		flag byte
	}{{o.CallID, flagCallID}, {o.Warning, flagWarning}, {o.History, flagHistory}, {o.ContactUser != "", flagUser}} {
		if one.set {
			flags |= one.flag
		}
	}
	b = append(b, flags)
	if o.ContactUser != "" {
		b = appendText(b, o.ContactUser)
	}
	return b
}

// cutOptions is the opposite of appendOptions.
func cutOptions(b []byte) (o Options, flags byte, rest []byte, ok bool) {
	if len(b) == 0 {
		return o, 0, nil, false
	}
	flags, b = b[0], b[1:]
	o.CallID, o.Warning, o.History = flags&flagCallID != 0, flags&flagWarning != 0, flags&flagHistory != 0
	if flags&flagUser != 0 {
		var user []byte
		if user, b, ok = cutText(b); !ok {
			return o, 0, nil, false
		}
		o.ContactUser = string(user)
	}
	return o, flags, b, true
}

func appendText[T string | []byte](dst []byte, s T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func cutText(b []byte) (s, rest []byte, ok bool) {
	n, used := binary.Uvarint(b)
	if used <= 0 || n > uint64(len(b)-used) {
		return nil, nil, false
	}
	return b[used : used+int(n) : used+int(n)], b[used+int(n):], true
}

// cutTexts reads texts to the end.
func cutTexts(b []byte) (list [][]byte, ok bool) {
	for len(b) > 0 {
		var s []byte
		if s, b, ok = cutText(b); !ok {
			return nil, false
		}
		list = append(list, s)
	}
	return list, true
}
