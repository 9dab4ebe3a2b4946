package luabind

// The keys of targets written as tables.

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	lua "github.com/yuin/gopher-lua"
)

// key is one key of a table that is read often: its value is set without reflection.
type key[T any] struct {
	Option
	set func(v *vm, into T, value lua.LValue) error
}

// keySet is the set of keys a table may have.
type keySet[T any] struct {
	list   []key[T]
	byName map[string]int
}

func keysOf[T any](list ...key[T]) *keySet[T] {
	s := &keySet[T]{list: list, byName: make(map[string]int, len(list))}
	for i, k := range list {
		s.byName[k.Name] = i
	}
	return s
}

// read sets what t contains, except for the keys in skip. An unknown key is an error.
func (s *keySet[T]) read(v *vm, t *lua.LTable, into T, skip string) (err error) {
	t.ForEach(func(k, value lua.LValue) {
		if err != nil {
			return
		}
		name, ok := k.(lua.LString)
		i, known := s.byName[string(name)]
		switch {
		case !ok || !known:
			err = s.unknown(k)
		case string(name) != skip:
			err = s.list[i].set(v, into, value)
		}
	})
	return err
}

func (s *keySet[T]) unknown(k lua.LValue) error { return unknownName(k.String(), "", s.names()) }

func (s *keySet[T]) names() []string {
	names := make([]string, len(s.list))
	for i, k := range s.list {
		names[i] = k.Name
	}
	return names
}

// options are the keys, for documentation.
func (s *keySet[T]) options() []Option {
	list := make([]Option, len(s.list))
	for i, k := range s.list {
		list[i] = k.Option
	}
	return list
}

func targetKey(name string, t Type, doc string, set func(v *vm, t *engine.Target, value lua.LValue) error) key[*engine.Target] {
	return key[*engine.Target]{Option{Name: name, Kind: t, Doc: doc}, set}
}

// targetKeys are the keys of a target.
var targetKeys = keysOf(
	destination(targetKey("uri", URIType, "the new Request-URI, default unchanged; may be a binding, whose other keys then apply too", setURI)),
	destination(targetKey("next_hop", URIType, "the next hop only", textKey("next_hop", func(t *engine.Target) *string { return &t.NextHop }))),
	targetKey("path", List, "the Route set to write: a route or a list of them", setPath),
	destination(key[*engine.Target]{Option{Name: "flow", Kind: Number, Type: "number or its text",
		Doc: "of a binding: the connection to use"}, setFlowKey}),
	destination(targetKey("received", String, "of a binding: the address its client was seen at", textKey("received", func(t *engine.Target) *string { return &t.Received }))),
	targetKey("from_socket", String, "the name of the listener to send from", textKey("from_socket", func(t *engine.Target) *string { return &t.FromSocket })),
	key[*engine.Target]{Option{Name: "q", Kind: Number, Min: "0", Max: "1", Doc: "from 0 to 1, for order \"q\""}, setQ},
	targetKey("delay", Seconds, "to wait before trying this target; 0 for none", secondsKey("delay", func(t *engine.Target) *time.Duration { return &t.Delay })),
	targetKey("timeout", Seconds, "to a final response", secondsKey("timeout", func(t *engine.Target) *time.Duration { return &t.Timeout })),
	targetKey("ring_timeout", Seconds, "from its first 18x to a final response", secondsKey("ring_timeout", func(t *engine.Target) *time.Duration { return &t.RingTimeout })),
	targetKey("reply_timeout", Seconds, "to any response", secondsKey("reply_timeout", func(t *engine.Target) *time.Duration { return &t.ReplyTimeout })),
	targetKey("headers", Table, "{Name = text | list | false}, set or removed on this branch", setHeaders),
	key[*engine.Target]{Option{Name: "credentials", Kind: Table, Options: credentialKeys,
		Doc: "{user=, password=}, to answer a challenge with"}, setCredentials},
	targetKey("vars", Table, "values of your own, read back as res.target.vars", checkVars),
)

// destination marks a key of a target that says where the request goes.
func destination(k key[*engine.Target]) key[*engine.Target] {
	k.Destination = true
	return k
}

// credentialKeys are those of credentials.
var credentialKeys = []Option{{Name: "user", Kind: String, Required: true},
	{Name: "password", Kind: String, Type: "text, or {password=}", Required: true}}

type setTarget = func(*vm, *engine.Target, lua.LValue) error

func textKey(name string, of func(*engine.Target) *string) setTarget {
	return func(_ *vm, t *engine.Target, lv lua.LValue) error {
		text, ok := uriTextOf(lv)
		if !ok || text == "" {
			return fmt.Errorf("%s must be a string, not %s", name, describe(lv))
		}
		*of(t) = text
		return nil
	}
}

func setFlowKey(_ *vm, t *engine.Target, lv lua.LValue) error {
	switch x := lv.(type) {
	case lua.LNumber:
		if x < 0 || x != lua.LNumber(uint64(x)) {
			return fmt.Errorf("flow must be the flow of a binding, not %s", x.String())
		}
		setFlow(t, uint64(x))
	case lua.LString:
		id, err := strconv.ParseUint(string(x), 10, 64)
		if err != nil {
			return fmt.Errorf("flow must be the flow of a binding, not %q", string(x))
		}
		setFlow(t, id)
	default:
		return fmt.Errorf("flow must be the flow of a binding, not %s", describe(lv))
	}
	return nil
}

func setPath(_ *vm, t *engine.Target, lv lua.LValue) error {
	if s, ok := lv.(lua.LString); ok {
		t.Path = []string{bracketed(string(s))}
		return nil
	}
	list, ok := lv.(*lua.LTable)
	if !ok {
		return fmt.Errorf("path must be a list of routes, not %s", describe(lv))
	}
	path := make([]string, 0, list.Len())
	for i := 1; i <= list.Len(); i++ {
		text, ok := textOf(list.RawGetInt(i))
		if !ok || text == "" {
			return fmt.Errorf("path: route %d must be a uri or a route, not %s", i, describe(list.RawGetInt(i)))
		}
		path = append(path, bracketed(text))
	}
	t.Path = path
	return nil
}

// bracketed writes a route as a Route header needs it.
func bracketed(text string) string {
	if strings.Contains(text, "<") {
		return text
	}
	return "<" + text + ">"
}

func setQ(_ *vm, t *engine.Target, lv lua.LValue) error {
	q, ok := lv.(lua.LNumber)
	if !ok || !(q >= 0 && q <= 1) {
		return fmt.Errorf("q must be a number from 0 to 1, not %s", describe(lv))
	}
	t.Q = float64(q)
	return nil
}

func secondsKey(name string, of func(*engine.Target) *time.Duration) setTarget {
	return func(_ *vm, t *engine.Target, lv lua.LValue) error {
		d, ok := seconds(lv)
		if !ok || d == 0 && name != "delay" {
			return fmt.Errorf("%s must be a number of seconds greater than 0, not %s", name, describe(lv))
		}
		*of(t) = d
		return nil
	}
}

func setHeaders(_ *vm, t *engine.Target, lv lua.LValue) (err error) {
	t.Headers, err = headerEdits(lv)
	return err
}

func setCredentials(_ *vm, t *engine.Target, lv lua.LValue) (err error) {
	t.Credentials, err = credentialsOf(lv)
	return err
}

// checkVars only checks: res.target returns the table itself.
func checkVars(_ *vm, _ *engine.Target, lv lua.LValue) error {
	if lv.Type() != lua.LTTable {
		return fmt.Errorf("vars must be a table, not %s", describe(lv))
	}
	return nil
}
