package luabind

import (
	"slices"
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	lua "github.com/yuin/gopher-lua"
)

// sip.supported: the extensions that a script serves.

// mostTags bounds how many option tags a script may declare. There are some fifty in all.
const mostTags = 64

// sipSupported is sip.supported{"tag", ...}, at file level: requests that insist on these by Proxy-Require come to the script.
// Several calls add up.
func (v *vm) sipSupported(l *lua.LState) int {
	if !v.loading {
		raise(l, "sip.supported can only be called while the file runs: what a script serves does not change from one request to the next")
	}
	t, ok := l.Get(1).(*lua.LTable)
	if !ok {
		raise(l, "sip.supported: argument 1 must be a list of option tags, not %s", describe(l.Get(1)))
	}
	n := t.Len()
	t.ForEach(func(k, _ lua.LValue) {
		if i, ok := k.(lua.LNumber); !ok || float64(i) != float64(int(i)) || i < 1 || int(i) > n {
			raise(l, "sip.supported: a list of option tags is wanted, such as {\"path\", \"gruu\"}; it has a key %s", describe(k))
		}
	})
	for i := 1; i <= n; i++ {
		tag, ok := t.RawGetInt(i).(lua.LString)
		if !ok || !engine.IsOptionTag(string(tag)) {
			raise(l, "sip.supported: entry %d must be an option tag, such as \"path\", not %s", i, describe(t.RawGetInt(i)))
		}
		name := strings.ToLower(string(tag))
		if slices.Contains(v.supported, name) {
			continue
		}
		if len(v.supported) == mostTags {
			raise(l, "sip.supported: more than %d option tags", mostTags)
		}
		v.supported = append(v.supported, name)
	}
	return 0
}

// Supported are the option tags that the script serves (engine.Supporter).
func (r *Router) Supported(l *lane.Lane) []string { return r.slots[l.ID()].Load().supported }

var _ engine.Supporter = (*Router)(nil)
