package lcr_test

import (
	"strings"
	"testing"

	"github.com/sipscript/sipscript/modules/lcr"
)

func TestCost(t *testing.T) {
	for text, want := range map[string]string{"0": "0", "0.0125": "0.0125", "00.10": "0.1", "1": "1", "1.": "1", ".5": "0.5", "12.000000001": "12.000000001",
		"0.1000000000000": "0.1", "1000000000": "1000000000"} {
		t.Run(text, func(t *testing.T) {
			if c, err := lcr.ParseCost(text); err != nil || c.String() != want {
				t.Errorf("%v, %v, want %s", c, err, want)
			}
		})
	}
	for _, text := range []string{"", ".", "-1", "+1", "1,5", "1e3", "0x1", "0.0000000001", "1000000000.1", "99999999999", "1 ", "١"} {
		t.Run(text, func(t *testing.T) {
			if c, err := lcr.ParseCost(text); err == nil || !strings.Contains(err.Error(), "must be a decimal number") {
				t.Errorf("%v, %v", c, err)
			}
		})
	}
	if c, _ := lcr.ParseCost("0.1"); c+c+c != 300_000_000 || (c+c+c).Float() != 0.3 {
		t.Error("a third tenth is not 0.3")
	}
}
