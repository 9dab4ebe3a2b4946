package rtpengine

import (
	"encoding/binary"
	"reflect"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/engine/proxy"
)

// text is the note as it travels: fields that are not set take no room.
func (c *carried) text() string {
	b := binary.BigEndian.AppendUint32(nil, c.engine)
	var flags byte
	if c.pass {
		flags |= 1
	}
	b = append(b, flags, byte(c.caller.kind), byte(c.callee.kind))
	b = proxy.AppendText(proxy.AppendText(b, c.set), c.id)
	b = c.caller.append(b)
	b = append(b, 0) // the end of a side
	b = c.callee.append(b)
	return string(b)
}

// readNote is the opposite of text; ok is false for what text did not write.
func readNote(s string) (c carried, ok bool) {
	b := []byte(s)
	if len(b) < 7 {
		return c, false
	}
	c.engine = binary.BigEndian.Uint32(b)
	c.pass, c.caller.kind, c.callee.kind = b[4]&1 != 0, kind(b[5]), kind(b[6])
	if c.set, b, ok = proxy.CutText(b[7:]); !ok {
		return c, false
	}
	if c.id, b, ok = proxy.CutText(b); !ok {
		return c, false
	}
	if b, ok = c.caller.read(b); !ok {
		return c, false
	}
	_, ok = c.callee.read(b)
	return c, ok
}

// fields are the parts of a Side in a fixed order, for the note: numbered from 1.
func (s *Side) fields() []reflect.Value {
	var list []reflect.Value
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Struct {
			for j := range f.NumField() {
				list = append(list, f.Field(j))
			}
		} else {
			list = append(list, f)
		}
	}
	return list
}

func (s *Side) append(b []byte) []byte {
	for i, f := range s.fields() {
		if f.IsZero() {
			continue
		}
		b = append(b, byte(i+1))
		switch f.Kind() {
		case reflect.String:
			b = proxy.AppendText(b, f.String())
		case reflect.Bool:
			b = proxy.AppendText(b, "1")
		default:
			b = proxy.AppendText(b, strings.Join(f.Interface().([]string), "\x00"))
		}
	}
	return b
}

func (s *Side) read(b []byte) (rest []byte, ok bool) {
	fields := s.fields()
	for len(b) > 0 {
		n := int(b[0])
		if b = b[1:]; n == 0 {
			return b, true
		}
		var text string
		if text, b, ok = proxy.CutText(b); !ok || n > len(fields) {
			return nil, false
		}
		switch f := fields[n-1]; f.Kind() {
		case reflect.String:
			f.SetString(text)
		case reflect.Bool:
			f.SetBool(true)
		default:
			f.Set(reflect.ValueOf(slices.Clip(strings.Split(text, "\x00"))))
		}
	}
	return nil, true
}
