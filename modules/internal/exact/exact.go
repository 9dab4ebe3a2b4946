// Package exact reads JSON of others so that whole numbers keep their digits: ids of 64 bits, which
// a number of Lua would round to those of others, become strings, as sip.json.decode has them.
package exact

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// Decode reads the next value: nil, a bool, float64 or string, or a list or map of those.
func Decode(d *json.Decoder) (any, error) {
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	return exact(value)
}

// Unmarshal reads one value, and nothing after it.
func Unmarshal(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	value, err := Decode(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("expected nothing after the value")
	}
	return value, nil
}

// exact makes float64s of numbers, or strings. Lists and maps are changed in place.
func exact(value any) (_ any, err error) {
	switch v := value.(type) {
	case json.Number:
		return number(string(v))
	case []any:
		for i := range v {
			if v[i], err = exact(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for key := range v {
			if v[key], err = exact(v[key]); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}

// number is a number of JSON. What has a fraction or an exponent is an approximation anyway.
func number(text string) (any, error) {
	n, err := json.Number(text).Float64()
	if (err != nil || math.Abs(n) >= 1<<53) && !strings.ContainsAny(text, ".eE") {
		if i, err := json.Number(text).Int64(); err != nil || !Holds(i) {
			return text, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the number %.40s is too large", text)
	}
	return n, nil
}

// Holds reports whether a number of Lua holds a whole number.
func Holds(n int64) bool { return -1<<53 <= n && n <= 1<<53 }
