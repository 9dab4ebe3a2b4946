package glob

import "testing"

func TestMatch(t *testing.T) {
	for _, row := range []struct {
		pattern, text string
		want          bool
	}{{"*scan*", "A SCANner", true}, {"scan*", "a scan", false}, {"a*b*c", "aXbXbYc", true}, {"a*b*c", "aXcXb", false}, {"", "", true}, {"x", "X", true},
		{"x", "xx", false}, {"*", "", true}, {"**x", "yx", true}} {
		t.Run(row.pattern+" "+row.text, func(t *testing.T) {
			if Match(row.pattern, []byte(row.text)) != row.want {
				t.Errorf("want %v", row.want)
			}
		})
	}
}
