package dict

import (
	"encoding/hex"
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestEncode(t *testing.T) {
	for want, value := range map[string]any{
		"s": "", "s\x00\xff": "\x00\xff", "n5": 5.0, "n-0.5": -0.5, "n0.10000000000000001": 0.1, "n1.0000000000000001e-05": 0.00001,
		"y": true, "f": false, "l\x02sa\x01y": []any{"a", true}, "t\x01a\x02n1\x01b\x01l": map[string]any{"b": []any{}, "a": 1.0},
	} {
		t.Run(want, func(t *testing.T) {
			if got := Encode(value); got != want {
				t.Errorf("%q", got)
			}
			if got, err := Decode(want); err != nil || !reflect.DeepEqual(got, value) {
				t.Errorf("%#v, %v", got, err)
			}
		})
	}
}

func TestDecodeWhatIsNotOurs(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "", "another kind": "x", "no number": "nx", "more": "y1", "a short part": "l\x05s", "no length": "l\x80", "a length past everything": "l\xff\xff\xff\xff\x0f",
		"an empty part": "l\x00", "a key alone": "t\x01a", "nested": strings.Repeat("l\x7f", 1), "a bad item": "t\x01a\x01x",
	} {
		t.Run(name, func(t *testing.T) {
			if v, err := Decode(text); err == nil {
				t.Errorf("%#v", v)
			}
		})
	}
	deep := "l"
	for range mostNested {
		deep = string(appendPart([]byte{kindList}, []byte(deep)))
	}
	if _, err := Decode(deep); err == nil {
		t.Error("nested without end")
	}
}

func TestDecodeNumbersOfC(t *testing.T) {
	for text, want := range map[string]float64{"ninf": math.Inf(1), "n-inf": math.Inf(-1), "n1e+400": math.Inf(1)} {
		t.Run(text, func(t *testing.T) {
			if got, err := Decode(text); err != nil || got != want {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	for _, text := range []string{"nnan", "n-nan"} {
		t.Run(text, func(t *testing.T) {
			if got, err := Decode(text); err != nil || !math.IsNaN(got.(float64)) {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

// Any value comes back as it was.
func TestEncodeDecode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := anyValue(t, 3)
		got, err := Decode(Encode(value))
		if err != nil || !reflect.DeepEqual(got, value) {
			t.Fatalf("%#v: %#v, %v", value, got, err)
		}
	})
}

func anyValue(t *rapid.T, depth int) any {
	switch n := rapid.IntRange(0, 4).Draw(t, "kind"); {
	case n == 0 || depth == 0:
		return string(rapid.SliceOf(rapid.Byte()).Draw(t, "text"))
	case n == 1:
		return rapid.Float64().Draw(t, "number")
	case n == 2:
		return rapid.Bool().Draw(t, "boolean")
	case n == 3:
		list := []any{}
		for range rapid.IntRange(0, 4).Draw(t, "length") {
			list = append(list, anyValue(t, depth-1))
		}
		return list
	}
	table := map[string]any{}
	for range rapid.IntRange(0, 4).Draw(t, "length") {
		table[rapid.String().Draw(t, "key")] = anyValue(t, depth-1)
	}
	return table
}

func FuzzDecode(f *testing.F) {
	f.Add("t\x01a\x02n1\x01b\x01l")
	f.Fuzz(func(t *testing.T, text string) {
		v, err := Decode(text)
		if err != nil {
			return
		}
		again, err := Decode(Encode(v))
		if err != nil || Encode(again) != Encode(v) {
			t.Errorf("%#v became %#v, %v", v, again, err)
		}
	})
}

// What versions before this encoding have on disk is still read.
func TestDecodeGob(t *testing.T) {
	text, err := hex.DecodeString(gobText)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"list": []any{"a", 1.5, true}}
	if got, err := decode(text); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%#v, %v", got, err)
	}
}

const gobText = "177f03010103626f7801ff8000010101015601ff8200000049ff81030101067061636b656401ff820001060104" +
	"4b696e64010600010454657874010c0001014e010800010359657301020001044b65797301ff84000105497465" +
	"6d7301ff8600000016ff83020101085b5d737472696e6701ff8400010c00001cff850201010d5b5d646963742e" +
	"7061636b656401ff860001ff82000027ff800101740401046c6973740101016c0503017301016100016e02fef8" +
	"3f000162030100000000"
