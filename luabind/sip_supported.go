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

// sipSupported declares sip.supported.
func sipSupported() Function {
	return Do1(Function{Name: "supported", Where: AtLoad, Why: "what a script serves does not change from one request to the next",
		Doc:     "Names option tags that the script implements: requests that require them with Proxy-Require come to it. Several calls add up.",
		Example: `sip.supported({ "gruu", "outbound" })`},
		tagsArg, func(c *Call, tags []string) {
			v := c.vm
			for _, name := range tags {
				if slices.Contains(v.supported, name) {
					continue
				}
				if len(v.supported) == mostTags {
					c.Raise("more than %d option tags", mostTags)
				}
				v.supported = append(v.supported, name)
			}
		})
}

// tagsArg is a list of option tags; they come in lower case.
var tagsArg = ArgOf(func(c *Call, n int) (tags []string) {
	t, ok := c.l.Get(n).(*lua.LTable)
	if !ok {
		c.want(n, "a list of option tags")
	}
	last := t.Len()
	t.ForEach(func(k, _ lua.LValue) {
		if i, ok := k.(lua.LNumber); !ok || float64(i) != float64(int(i)) || i < 1 || int(i) > last {
			c.Raise("a list of option tags is wanted, such as {\"path\", \"gruu\"}; it has a key %s", describe(k))
		}
	})
	for i := 1; i <= last; i++ {
		tag, ok := t.RawGetInt(i).(lua.LString)
		if !ok || !engine.IsOptionTag(string(tag)) {
			c.Raise("entry %d must be an option tag, such as \"path\", not %s", i, describe(t.RawGetInt(i)))
		}
		tags = append(tags, strings.ToLower(string(tag)))
	}
	return tags
}, Param{Name: "tags", Type: List, Doc: "option tags, such as \"path\", in any case"})

// Supported are the option tags that the script serves (engine.Supporter).
func (r *Router) Supported(l *lane.Lane) []string { return r.slots[l.ID()].Load().supported }

var _ engine.Supporter = (*Router)(nil)
