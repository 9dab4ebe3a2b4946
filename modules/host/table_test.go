package host

import "testing"

// What strangers wrote is neither obeyed by a terminal nor a cell or line of its own.
func TestTableIsPlain(t *testing.T) {
	for _, c := range []struct{ name, cell string }{
		{"escape", "a\x1bb"}, {"C1", "a\u009bb"}, {"a line", "a\nb"}, {"a cell", "a\tb"}, {"direction", "a\u202eb"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(Table([]string{"AOR", "X"}, []string{c.cell, "…"})); got != "AOR  X\na?b  …\n" {
				t.Errorf("%q", got)
			}
		})
	}
}
