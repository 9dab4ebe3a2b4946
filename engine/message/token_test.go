package message

import "testing"

func TestIsToken(t *testing.T) {
	for text, want := range map[string]bool{"OPTIONS": true, "100rel": true, "a-.!%*_+`'~9": true, "": false, "two words": false, "a,b": false, "a;b": false, "\"a\"": false, "ä": false, "a\r\n": false} {
		t.Run(text, func(t *testing.T) {
			if got := IsToken([]byte(text)); got != want {
				t.Errorf("%v", got)
			}
		})
	}
}
