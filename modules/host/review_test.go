package host_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/host"
)

// JSON on a terminal means the same, and has nothing that a terminal obeys.
func TestPrintableJSON(t *testing.T) {
	for _, text := range []string{"plain", "ümlaut", "\x7f", "a\u009b31mred", "\u202egnp.exe", "\u2066x"} {
		t.Run(text, func(t *testing.T) {
			in, err := json.Marshal(map[string]string{"text": text})
			if err != nil {
				t.Fatal(err)
			}
			shown := host.PrintableJSON(in)
			if strings.ContainsAny(string(shown), "\x7f\u009b\u202e\u2066") {
				t.Errorf("%q", shown)
			}
			var out map[string]string
			if err := json.Unmarshal(shown, &out); err != nil || out["text"] != text {
				t.Errorf("%q became %q: %v", text, out["text"], err)
			}
		})
	}
	if got := string(host.PrintableJSON([]byte("{\"a\": \"\x9b\"}"))); !json.Valid([]byte(got)) || strings.Contains(got, "\x9b") {
		t.Errorf("%q", got)
	}
}

// misled has a method API that is not a Handler's.
type misled struct{ luabind.Opener }

func (misled) API() []string { return nil }

// A module whose API would silently not be served is refused: that of each module is a Handler's,
// since they are made.
func TestAPIOfAnotherType(t *testing.T) {
	_, err := host.Open([]host.Plugin{{Name: "misled", New: func(*host.Environment) (luabind.Opener, error) { return misled{}, nil }}}, host.Environment{})
	if err == nil || !strings.Contains(err.Error(), "module misled: its method API is a func(") {
		t.Error(err)
	}
}
