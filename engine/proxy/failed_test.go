package proxy

import "testing"

// What tells of a failure of a gateway, and what of the callee behind it.
func TestFailed(t *testing.T) {
	for name, row := range map[string]struct {
		code  int
		cause string
		early bool
		want  bool
	}{
		"unreachable":               {503, CauseUnreachable, false, true},
		"unreachable after it rang": {503, CauseUnreachable, true, true},
		"full":                      {503, CauseFull, false, true},
		"no answer":                 {408, CauseTimeout, false, true},
		"it rang":                   {408, CauseTimeout, true, false},
		"408":                       {408, "", false, true},
		"408 after it rang":         {408, "", true, false},
		"500":                       {500, "", false, true},
		"501":                       {501, "", false, false},
		"502":                       {502, "", true, true},
		"503":                       {503, "", false, true},
		"504":                       {504, "", false, true},
		"505":                       {505, "", false, false},
		"busy":                      {486, "", false, false},
		"declined":                  {603, "", false, false},
		"answered":                  {200, "", true, false},
		"cancelled":                 {487, CauseCancelled, false, false},
		"nobody there":              {480, CauseEmpty, false, false},
		"the end of the server":     {503, CauseShutdown, false, false},
		"refused by a module":       {503, "media", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Failed(row.code, row.cause, row.early); got != row.want {
				t.Error(got)
			}
		})
	}
}
