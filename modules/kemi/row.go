package kemi

// The tables of what KSR has.

import (
	"math"
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/kemi/cfg"
)

// Row is one function of KSR.
type Row struct {
	Name string // without "KSR.": "hdr.append"
	// Params has a letter for each parameter: s text, i integer.
	Params string
	// Result is what Kamailio declares: int, bool, none or xval.
	Result string
	Does   string // what it does here
	// Differs is in what it deliberately differs from Kamailio's, "" for nothing that a script or a
	// peer can tell.
	Differs string
	call    func(k *call) int // nil: ksr.lua has it
}

// Rows are all functions, in the order of Kamailio's modules.
func Rows() []Row {
	var list []Row
	for _, rows := range [][]Row{coreRows(), kxRows(), pvRows(), headerRows(), tmRows(), routeRows(), natRows(), tableRows(), xhttpRows(), suspendRows(), asyncRows(), serviceRows(), furtherRows(), textRows(), uriRows(), sdpRows(), addressRows(), valueRows(), definitionRows()} {
		list = append(list, rows...)
	}
	return list
}

// moduleOf is the Kamailio module that a function belongs to, "" for the core.
func moduleOf(name string) string {
	m, _, found := strings.Cut(name, ".")
	if !found {
		return ""
	}
	return m
}

// needed are the Kamailio modules that have another name in KSR.
var needed = map[string]string{"pvx": "pv", "kx": "kemix", "x": "", "hdr": "", "pv": ""}

// Loaded reports whether KSR has a module: without a configuration all that there are here,
// otherwise those it loads.
func Loaded(config *cfg.Config, module string) bool { return loaded(config, module) }

// loaded reports whether KSR has a module: without a configuration all, otherwise those it loads.
func loaded(config *cfg.Config, module string) bool {
	if name, ok := needed[module]; ok {
		module = name
	}
	if config == nil {
		return module != "rtpproxy"
	}
	return module == "" || config.Loads(module)
}

// maxArguments is how many a function of KSR may be given.
const maxArguments = 6

// call is one call of a function of KSR.
type call struct {
	c   *luabind.Call
	row *Row
	s   *session
	f   *frame
	sh  *shim
}

// bind makes the function of a row: outside of a message, and with a wrong number of arguments, it
// logs an error and returns false.
func (sh *shim) bind(row *Row) luabind.Function {
	k := &call{row: row, sh: sh}
	n, events := len(row.Params), inEvents(row.Name)
	return luabind.Function{Name: "KSR." + row.Name, Untold: true, Quits: moduleOf(row.Name) == "x", Call: func(c *luabind.Call) int {
		k.c = c
		defer k.release()
		if k.s, k.f = sh.running(c); k.s == nil {
			return sh.refuse(c, row.Name, "there is no message outside of handlers")
		}
		if k.f.kind == inEvent && !events {
			return sh.refused(c, row)
		}
		if got := c.Len(); got < n || n == 0 && got > 0 || got > maxArguments {
			return sh.refuse(c, row.Name, "it was given "+strconv.Itoa(got)+" arguments and takes "+strconv.Itoa(n))
		}
		return row.call(k)
	}}
}

// release forgets what the call was for. A request has callbacks, which keep their generation open,
// so that neither a function of the VM nor the session, which the VM may have for longer, may refer
// to it.
func (k *call) release() {
	if k.s != nil {
		k.s.req = nil
	}
	k.c, k.s, k.f = nil, nil, nil
}

func (sh *shim) refuse(c *luabind.Call, name, why string) int {
	sh.module.log.Error("KSR."+name+": "+why, "at", c.Position())
	return c.PushBool(false)
}

// str is argument n as text: nil, booleans and tables are empty text.
func (k *call) str(n int) string {
	s, _ := k.text(n)
	return s
}

// text is argument n as text; given: it is text or a number.
func (k *call) text(n int) (s string, given bool) {
	switch k.c.Kind(n) {
	case luabind.String, luabind.Number:
		return k.c.String(n), true
	}
	return "", false
}

// int is argument n as a 32-bit integer: text that is a number counts, anything else is 0, and
// what is too large wraps.
func (k *call) int(n int) int {
	switch k.c.Kind(n) {
	case luabind.Number:
		return wrap(k.c.Number(n))
	case luabind.String:
		f, err := strconv.ParseFloat(strings.TrimSpace(k.c.String(n)), 64)
		if err != nil {
			return 0
		}
		return wrap(f)
	}
	return 0
}

func wrap(f float64) int {
	if math.IsNaN(f) || math.IsInf(f, 0) || math.Abs(f) >= 1<<62 {
		return 0
	}
	return int(int32(int64(f)))
}

func (k *call) num(n int) int   { return k.c.PushNumber(float64(n)) }
func (k *call) bool(b bool) int { return k.c.PushBool(b) }
func (k *call) none() int       { return k.c.PushBool(false) }

// is is 1 or -1.
func (k *call) is(b bool) int {
	if b {
		return k.num(1)
	}
	return k.num(-1)
}

func (k *call) log(text string) {
	k.sh.module.log.Error("KSR."+k.row.Name+": "+text, "at", k.c.Position())
}
