package ng

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// Dict is a dictionary of the protocol. Values are string, int, []any and Dict; for sending, also
// []string, int64 and bool, which is 1 or nothing.
type Dict map[string]any

// Text is a string of the dictionary, or "".
func (d Dict) Text(key string) string {
	s, _ := d[key].(string)
	return s
}

// Bounds of what is read: a daemon's answer, however it came about.
const (
	mostBytes = 1 << 20 // of one answer
	mostItems = 1 << 16 // of all its lists and dictionaries together
	mostDepth = 16
)

var (
	errShort = errors.New("the answer is cut short")
	errBad   = errors.New("the answer is not bencode")
	errMuch  = errors.New("the answer is too large")
)

// appendValue appends v, the keys of dictionaries in order.
func appendValue(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case string:
		return appendText(dst, v), nil
	case int:
		return append(strconv.AppendInt(append(dst, 'i'), int64(v), 10), 'e'), nil
	case int64:
		return append(strconv.AppendInt(append(dst, 'i'), v, 10), 'e'), nil
	case []string:
		dst = append(dst, 'l')
		for _, s := range v {
			dst = appendText(dst, s)
		}
		return append(dst, 'e'), nil
	case []any:
		var err error
		dst = append(dst, 'l')
		for _, e := range v {
			if dst, err = appendValue(dst, e); err != nil {
				return nil, err
			}
		}
		return append(dst, 'e'), nil
	case Dict:
		return appendDict(dst, v)
	}
	return nil, fmt.Errorf("a %T can't be sent", v)
}

func appendDict(dst []byte, d Dict) ([]byte, error) {
	var space [24]string
	keys := space[:0]
	for k, v := range d {
		if v != false {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	var err error
	dst = append(dst, 'd')
	for _, k := range keys {
		v := d[k]
		if v == true {
			v = 1
		}
		if dst, err = appendValue(appendText(dst, k), v); err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
	}
	return append(dst, 'e'), nil
}

func appendText(dst []byte, s string) []byte {
	return append(append(strconv.AppendInt(dst, int64(len(s)), 10), ':'), s...)
}

// decoder reads one value.
type decoder struct {
	b     []byte
	items int
}

// readDict reads a dictionary and returns what follows it.
func readDict(b []byte) (d Dict, rest []byte, err error) {
	r := decoder{b: b}
	v, err := r.value(0)
	if err != nil {
		return nil, nil, err
	}
	d, ok := v.(Dict)
	if !ok {
		return nil, nil, errBad
	}
	return d, r.b, nil
}

// skipDict is readDict that keeps nothing: it finds where the dictionary ends.
func skipDict(b []byte) (rest []byte, err error) {
	r := decoder{b: b}
	if err = r.skip(0); err == nil && b[0] != 'd' {
		err = errBad
	}
	return r.b, err
}

// skip is value that keeps nothing, with the same errors.
func (r *decoder) skip(depth int) error {
	switch {
	case len(r.b) == 0:
		return errShort
	case depth > mostDepth:
		return errMuch
	}
	if r.items++; r.items > mostItems {
		return errMuch
	}
	switch c := r.b[0]; {
	case c >= '0' && c <= '9':
		_, err := r.bytes()
		return err
	case c == 'i':
		_, err := r.number()
		return err
	case c == 'l' || c == 'd':
		r.b = r.b[1:]
		return r.skipItems(c == 'd', depth)
	}
	return errBad
}

func (r *decoder) skipItems(keys bool, depth int) error {
	for !r.ended() {
		if keys {
			if len(r.b) > 0 && (r.b[0] < '0' || r.b[0] > '9') {
				return errBad
			}
			if _, err := r.bytes(); err != nil {
				return err
			}
		}
		if err := r.skip(depth + 1); err != nil {
			return err
		}
	}
	return nil
}

func (r *decoder) value(depth int) (any, error) {
	switch {
	case len(r.b) == 0:
		return nil, errShort
	case depth > mostDepth:
		return nil, errMuch
	}
	if r.items++; r.items > mostItems {
		return nil, errMuch
	}
	switch c := r.b[0]; {
	case c >= '0' && c <= '9':
		return r.text()
	case c == 'i':
		return r.number()
	case c == 'l':
		return r.list(depth)
	case c == 'd':
		return r.dict(depth)
	}
	return nil, errBad
}

// digits reads a number up to a byte that ends it.
func (r *decoder) digits(end byte) (n int, err error) {
	for i, c := range r.b {
		switch {
		case c == end && i > 0:
			n, err = strconv.Atoi(string(r.b[:i]))
			r.b = r.b[i+1:]
			if err != nil {
				return 0, errBad
			}
			return n, nil
		case i > 20:
			return 0, errBad
		}
	}
	return 0, errShort
}

func (r *decoder) text() (string, error) {
	b, err := r.bytes()
	return string(b), err
}

// bytes is a text where it lies.
func (r *decoder) bytes() ([]byte, error) {
	n, err := r.digits(':')
	switch {
	case err != nil:
		return nil, err
	case n < 0 || n > mostBytes:
		return nil, errMuch
	case n > len(r.b):
		return nil, errShort
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b, nil
}

func (r *decoder) number() (int, error) {
	r.b = r.b[1:]
	return r.digits('e')
}

func (r *decoder) list(depth int) ([]any, error) {
	r.b = r.b[1:]
	list := []any{}
	for {
		if r.ended() {
			return list, nil
		}
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
}

func (r *decoder) dict(depth int) (Dict, error) {
	r.b = r.b[1:]
	d := Dict{}
	for {
		if r.ended() {
			return d, nil
		}
		if len(r.b) > 0 && (r.b[0] < '0' || r.b[0] > '9') {
			return nil, errBad
		}
		key, err := r.text()
		if err != nil {
			return nil, err
		}
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		d[key] = v
	}
}

// ended takes the end of a list or dictionary.
func (r *decoder) ended() bool {
	if len(r.b) > 0 && r.b[0] == 'e' {
		r.b = r.b[1:]
		return true
	}
	return false
}
