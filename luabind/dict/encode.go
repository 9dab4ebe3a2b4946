package dict

// Values as bytes, for disks and other processes. Equal values have equal bytes.

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strconv"
)

// Each value begins with its kind. A number is text, so that a script in Redis can add to it.
const (
	kindText   = 's' // any bytes to the end
	kindNumber = 'n' // as printf's %.17g
	kindTrue   = 'y'
	kindFalse  = 'f'
	kindList   = 'l' // items, each after its length
	kindTable  = 't' // keys and items in turn, each after its length
)

// Encode is a value as bytes.
func Encode(value any) string {
	switch v := value.(type) {
	case string:
		return string(kindText) + v
	case float64:
		return EncodeNumber(v)
	}
	return string(appendValue(nil, value))
}

// EncodeNumber is a number as bytes.
func EncodeNumber(n float64) string { return string(appendValue(nil, n)) }

func appendValue(b []byte, value any) []byte {
	switch v := value.(type) {
	case string:
		return append(append(b, kindText), v...)
	case float64:
		return strconv.AppendFloat(append(b, kindNumber), v, 'g', 17, 64)
	case bool:
		if v {
			return append(b, kindTrue)
		}
		return append(b, kindFalse)
	case []any:
		b = append(b, kindList)
		for _, x := range v {
			b = appendPart(b, appendValue(nil, x))
		}
	case map[string]any:
		b = append(b, kindTable)
		for _, key := range slices.Sorted(maps.Keys(v)) {
			b = appendPart(appendPart(b, []byte(key)), appendValue(nil, v[key]))
		}
	}
	return b
}

func appendPart(b, part []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}

var errNotValue = errors.New("it is not a value that was stored here")

// mostNested bounds how deep values nest: more than scripts can store.
const mostNested = 100

// Decode reads what Encode wrote. Others can write where it comes from: anything may be in it.
func Decode(text string) (any, error) { return decodeValue(text, mostNested) }

func decodeValue(text string, depth int) (any, error) {
	if text == "" || depth == 0 {
		return nil, errNotValue
	}
	kind, rest := text[0], text[1:]
	switch kind {
	case kindText:
		return rest, nil
	case kindNumber:
		if rest == "-nan" { // of a C library
			rest = "nan"
		}
		n, err := strconv.ParseFloat(rest, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return nil, errNotValue
		}
		return n, nil
	case kindTrue, kindFalse:
		if rest != "" {
			return nil, errNotValue
		}
		return kind == kindTrue, nil
	case kindList:
		list := []any{}
		for rest != "" {
			var part string
			var ok bool
			if part, rest, ok = cutPart(rest); !ok {
				return nil, errNotValue
			}
			x, err := decodeValue(part, depth-1)
			if err != nil {
				return nil, err
			}
			list = append(list, x)
		}
		return list, nil
	case kindTable:
		return decodeTable(rest, depth)
	}
	return nil, errNotValue
}

func decodeTable(rest string, depth int) (any, error) {
	table := map[string]any{}
	for rest != "" {
		var key, part string
		var ok bool
		if key, rest, ok = cutPart(rest); !ok {
			return nil, errNotValue
		}
		if part, rest, ok = cutPart(rest); !ok {
			return nil, errNotValue
		}
		x, err := decodeValue(part, depth-1)
		if err != nil {
			return nil, err
		}
		table[key] = x
	}
	return table, nil
}

// cutPart takes off what appendPart has put before the rest.
func cutPart(text string) (part, rest string, ok bool) {
	n, width := uint64(0), 0
	for shift := uint(0); ; shift += 7 {
		if width == len(text) || width == binary.MaxVarintLen32 {
			return "", "", false
		}
		c := text[width]
		width++
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			break
		}
	}
	if n > uint64(len(text)-width) {
		return "", "", false
	}
	return text[width : width+int(n)], text[width+int(n):], true
}
