package ng

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestBencode(t *testing.T) {
	for _, row := range []struct {
		name string
		d    Dict
		text string
		back Dict // nil: d
	}{
		{"nothing", Dict{}, "de", nil},
		{"in order", Dict{"b": "2", "a": 1}, "d1:ai1e1:b1:2e", nil},
		{"lists", Dict{"l": []string{"x", "yy"}}, "d1:ll1:x2:yyee", Dict{"l": []any{"x", "yy"}}},
		{"within one another", Dict{"d": Dict{"l": []any{1, Dict{}}}}, "d1:dd1:lli1edeeee", nil},
		{"yes and no", Dict{"y": true, "n": false}, "d1:yi1ee", Dict{"y": 1}},
		{"any bytes", Dict{"s": "e\x00\r\n"}, "d1:s4:e\x00\r\ne", nil},
		{"below zero", Dict{"n": -5}, "d1:ni-5ee", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			text, err := appendDict(nil, row.d)
			if err != nil || string(text) != row.text {
				t.Errorf("%v %q, want %q", err, text, row.text)
			}
			back, rest, err := readDict(append(text, "rest"...))
			want := row.back
			if want == nil {
				want = row.d
			}
			if left, err := skipDict(append(text, "rest"...)); err != nil || string(left) != "rest" {
				t.Errorf("skipped to %q, %v", left, err)
			}
			if err != nil || string(rest) != "rest" || !reflect.DeepEqual(back, want) {
				t.Errorf("%v %q %#v", err, rest, back)
			}
		})
	}
}

func TestBadBencode(t *testing.T) {
	for _, row := range []struct {
		name, text string
		err        error
	}{
		{"nothing", "", errShort},
		{"no dictionary", "i1e", errBad},
		{"a key that is a number", "di1e1:xe", errBad},
		{"a text that is cut short", "d1:a5:xe", errShort},
		{"a dictionary that is cut short", "d1:a1:x", errShort},
		{"a length below zero", "d-1:e", errBad},
		{"a length beyond all bounds", "d99999999:e", errMuch},
		{"a number without end", "d1:ai" + strings.Repeat("1", 100) + "ee", errBad},
		{"depth", "d1:a" + strings.Repeat("l", 100), errMuch},
		{"many items", "d1:al" + strings.Repeat("le", mostItems) + "ee", errMuch},
		{"something else", "d1:axe", errBad},
	} {
		t.Run(row.name, func(t *testing.T) {
			if d, _, err := readDict([]byte(row.text)); !errors.Is(err, row.err) {
				t.Errorf("%v %v, want %v", d, err, row.err)
			}
			if _, err := skipDict([]byte(row.text)); !errors.Is(err, row.err) {
				t.Errorf("skipped: %v, want %v", err, row.err)
			}
		})
	}
	if _, err := appendDict(nil, Dict{"x": 1.5}); err == nil {
		t.Error("a fraction was sent")
	}
}

// Whatever a daemon says is read without harm, and what is read is written as it was.
func FuzzBencode(f *testing.F) {
	f.Add("d1:ai1e1:bl1:xee")
	f.Add("d6:result2:ok3:sdp5:v=0\r\ne")
	f.Fuzz(func(t *testing.T, text string) {
		d, rest, err := readDict([]byte(text))
		if left, no := skipDict([]byte(text)); !errors.Is(no, err) || err == nil && string(left) != string(rest) {
			t.Fatalf("skipped to %q, %v; read to %q, %v", left, no, rest, err)
		}
		if err != nil {
			return
		}
		again, err := appendDict(nil, d)
		if err != nil {
			t.Fatal(err)
		}
		back, _, err := readDict(again)
		if err != nil || fmt.Sprint(back) != fmt.Sprint(d) {
			t.Fatalf("%v %v, was %v (rest %q)", err, back, d, rest)
		}
	})
}
