package cdr

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

// fill gives every field of a struct a value.
func fill(v reflect.Value) {
	for i := range v.NumField() {
		switch f := v.Field(i); f.Addr().Interface().(type) {
		case *string:
			f.SetString("a \"b\" \\ é <" + v.Type().Field(i).Name + "> \x01")
		case *int:
			f.SetInt(200 + int64(i))
		case *float64:
			f.SetFloat(1.5)
		case *Time:
			f.Set(reflect.ValueOf(Time{time.Date(2026, 11, 30, 1, 2, 3, 456e6+int(i)*1e6, time.UTC)}))
		case *[]string:
			f.Set(reflect.ValueOf([]string{"sip:a@b", "sip:c@d"}))
		case *map[string]any:
			f.Set(reflect.ValueOf(map[string]any{"z": "x\n", "a": 1.25, "m": true, "n": []any{"l"}}))
		case *[]Branch:
			var one Branch
			fill(reflect.ValueOf(&one).Elem())
			f.Set(reflect.ValueOf([]Branch{one, {}}))
		}
	}
}

// What Append writes is what encoding/json would, and is read again: no field is forgotten.
func TestAppend(t *testing.T) {
	var full Record
	fill(reflect.ValueOf(&full).Elem())
	for _, row := range []struct {
		name string
		r    Record
	}{{"full", full}, {"empty", Record{Began: full.Began}}} {
		t.Run(row.name, func(t *testing.T) {
			if row.name == "full" {
				row.r.Legs[1].Began = full.Began
			}
			got, err := row.r.Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			want, err := json.Marshal(&row.r)
			if err != nil {
				t.Fatal(err)
			}
			var a, b any
			if err := json.Unmarshal(got, &a); err != nil {
				t.Fatalf("%s: %v", got, err)
			}
			if err := json.Unmarshal(want, &b); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(a, b) {
				t.Errorf("%s\nwant\n%s", got, want)
			}
			again, err := Read(got)
			if err != nil || !reflect.DeepEqual(*again, row.r) {
				t.Errorf("%v: read\n%+v\nof\n%+v", err, *again, row.r)
			}
		})
	}
}

// What is read by hand is what encoding/json reads, also of texts that Append has not written: each
// place of one is changed in turn.
func TestReadIsEncodingJSON(t *testing.T) {
	var full Record
	fill(reflect.ValueOf(&full).Elem())
	plain := Record{ID: "1", Began: full.Began, Duration: 1e21, Legs: []Branch{{Target: "sip:a@b", Began: full.Began, Redirect: []string{"x"}}}, Fields: map[string]any{"a": -1.5, "b": false, "c": "x"}}
	byHand := 0
	for _, r := range []Record{full, plain} {
		text, err := r.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(text); at += 1 + len(text)/512 {
			for _, c := range []string{"", "x", "\"", "\\", "}", "0", "-", "é"} {
				changed := []byte(string(text[:at]) + c + string(text[at+1:]))
				var want Record
				wrong := json.Unmarshal(changed, &want)
				got, err := Read(changed)
				if (err != nil) != (wrong != nil) || err == nil && !reflect.DeepEqual(*got, want) {
					t.Fatalf("%s: %v, read\n%+v\nwant %v\n%+v", changed, err, got, wrong, want)
				}
				x := scanner{text: string(changed)}
				if x.record(&want); !x.odd {
					byHand++
				}
			}
		}
	}
	if byHand < 100 {
		t.Errorf("only %d texts were read by hand", byHand)
	}
}

// A record of a usual call is read with few pieces of memory: its text, its legs and its fields.
func TestReadAllocatesLittle(t *testing.T) {
	began := Time{time.Date(2026, 11, 30, 1, 2, 3, 0, time.UTC)}
	r := Record{ID: "1", Type: Call, CallID: "c", Began: began, Legs: []Branch{{Target: "sip:a@b", Began: began}, {Target: "sip:c@d", Began: began}}, Fields: map[string]any{"customer": "4711", "plan": "flat"}}
	text, err := r.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	const most = 12
	if n := testing.AllocsPerRun(100, func() { _, err = Read(text) }); n > most || err != nil {
		t.Errorf("%.0f pieces of memory, the most is %d: %v", n, most, err)
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{"": "", "a b": "a b", "é": "é", "a\xff": "a\ufffd", "a\x00": "a\ufffd", strings.Repeat("x", 2000): strings.Repeat("x", 1024)} {
		t.Run("", func(t *testing.T) {
			if got := Text(in); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

func TestIDsGrow(t *testing.T) {
	now := time.Date(2026, 11, 30, 1, 2, 3, 0, time.UTC)
	a, b := NewID(now, [10]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 255}), NewID(now.Add(time.Millisecond), [10]byte{})
	if a.String() >= b.String() || a.String()[14] != '7' || !strings.ContainsRune("89ab", rune(a.String()[19])) {
		t.Errorf("%s, %s", a, b)
	}
}

func BenchmarkAppend(b *testing.B) {
	var r Record
	fill(reflect.ValueOf(&r).Elem())
	buf := make([]byte, 0, 8<<10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Append(buf[:0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	began := Time{time.Date(2026, 11, 30, 1, 2, 3, 0, time.UTC)}
	r := Record{ID: "1", Type: Call, CallID: "4f1c2a9b8e7d6c5b@192.0.2.10", FromURI: "sip:+4930123456@example.com", Began: began, Ended: began,
		Legs: []Branch{{Target: "sip:a@b", Began: began}, {Target: "sip:c@d", Began: began}}, Fields: map[string]any{"customer": "4711", "plan": "flat"}}
	text, err := r.Append(nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, row := range []struct {
		name string
		read func() error
	}{{"by hand", func() error { _, err := Read(text); return err }}, {"encoding-json", func() error { return json.Unmarshal(text, &Record{}) }}} {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := row.read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Half a record is an error, as to encoding/json: no reading goes past its end.
func TestReadOfHalves(t *testing.T) {
	var full Record
	fill(reflect.ValueOf(&full).Elem())
	full.Fields[`a\"b`] = `\`
	text, err := full.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{"", `\`, `"`, `\"`} {
		for at := range text {
			half := append(text[:at:at], end...)
			if r, err := Read(half); (err == nil) != json.Valid(half) {
				t.Fatalf("%s: %+v, %v", half, r, err)
			}
		}
	}
}
