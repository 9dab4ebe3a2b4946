package exact

import (
	"fmt"
	"testing"
)

func TestUnmarshal(t *testing.T) {
	for text, want := range map[string]string{
		`[9007199254740993, -9007199254740993, 18446744073709551616]`:         `[]interface {}{"9007199254740993", "-9007199254740993", "18446744073709551616"}`,
		`{"a": {"b": [9007199254740993, 7]}, "c": null, "d": true}`:           `map[string]interface {}{"a":map[string]interface {}{"b":[]interface {}{"9007199254740993", 7}}, "c":interface {}(nil), "d":true}`,
		`[9007199254740992, -9007199254740992, 1e18, 9007199254740993.0, -0]`: `[]interface {}{9.007199254740992e+15, -9.007199254740992e+15, 1e+18, 9.007199254740992e+15, -0}`,
		`"9007199254740993"`: `"9007199254740993"`,
		`1e999`:              "the number 1e999 is too large",
		`[{"a": 1e999}]`:     "the number 1e999 is too large",
		`1 2`:                "expected nothing after the value",
		`[1`:                 "unexpected EOF",
	} {
		t.Run(text, func(t *testing.T) {
			value, err := Unmarshal([]byte(text))
			got := fmt.Sprintf("%#v", value)
			if err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("%s, not %s", got, want)
			}
		})
	}
}
