package luabind

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	lua "github.com/yuin/gopher-lua"
)

// Targets of relay, fork, forward and redirect: text, a uri, a module's object, a table, or a list of those.

var targetKeys = []string{"uri", "next_hop", "path", "flow", "q", "delay", "headers", "credentials", "from_socket", "vars", "timeout", "ring_timeout",
	"reply_timeout", "received"}

// destinationKeys are those that say where a request goes: a table with none of them is no target.
var destinationKeys = [...]string{"uri", "next_hop", "flow", "received"}

// hole finds the first entry of a list that is nil, though others follow: what a lookup for one entry returned.
func hole(t *lua.LTable) error {
	last, count := 0, 0
	t.ForEach(func(k, _ lua.LValue) {
		if n, ok := k.(lua.LNumber); ok && n >= 1 && n == lua.LNumber(int(n)) {
			last, count = max(last, int(n)), count+1
		}
	})
	for i := 1; last > count && i <= last; i++ {
		if t.RawGetInt(i) == lua.LNil {
			return fmt.Errorf("entry %d of the list is nil: check where it came from", i)
		}
	}
	return nil
}

// namesDestination tells whether t is a target or a list, not options.
func namesDestination(t *lua.LTable) bool {
	if t.RawGetInt(1) != lua.LNil {
		return true
	}
	for _, k := range destinationKeys {
		if t.RawGetString(k) != lua.LNil {
			return true
		}
	}
	return false
}

func isEmpty(t *lua.LTable) bool {
	k, _ := t.Next(lua.LNil)
	return k == lua.LNil
}

// targets reads a target or a list of them. The result is never nil without an error.
func (v *vm) targets(lv lua.LValue) ([]*engine.Target, error) {
	t, ok := lv.(*lua.LTable)
	if ok {
		if err := hole(t); err != nil {
			return nil, err
		}
	}
	if !ok || t.RawGetInt(1) == lua.LNil && !isEmpty(t) {
		one, err := v.target(lv)
		if err != nil {
			return nil, err
		}
		return []*engine.Target{one}, nil
	}
	n := t.Len()
	if k, stray := strayKey(t, n); stray {
		return nil, fmt.Errorf("a list of targets has the key %q: options go into the next argument", k)
	}
	list := make([]*engine.Target, n)
	for i := range list {
		one, err := v.target(t.RawGetInt(i + 1))
		if err != nil {
			return nil, fmt.Errorf("target %d: %w", i+1, err)
		}
		list[i] = one
	}
	return list, nil
}

// target reads one target.
func (v *vm) target(lv lua.LValue) (*engine.Target, error) {
	if isDead(lv) {
		return nil, fmt.Errorf("a target can't be %s", describe(lv))
	}
	switch x := lv.(type) {
	case lua.LString:
		if x == "" {
			return nil, errors.New("the target is an empty string")
		}
		return &engine.Target{URI: string(x), Value: lv}, nil
	case *lua.LUserData:
		switch o := x.Value.(type) {
		case *uriObj:
			return &engine.Target{URI: string(o.bytesOrNil()), Value: lv}, nil
		case *addrObj:
			return &engine.Target{URI: string(o.a.URI), Value: lv}, nil
		case Targeter:
			if t := o.Target(); t != nil {
				return t, nil
			}
			return nil, errors.New("the object no longer names a target")
		}
	case *lua.LTable:
		return v.targetTable(x)
	}
	return nil, fmt.Errorf("a target is a uri, a binding or a table {uri = ...}, not %s", describe(lv))
}

func (v *vm) targetTable(x *lua.LTable) (*engine.Target, error) {
	for _, k := range optionsOnly {
		if x.RawGetString(k) != lua.LNil {
			return nil, fmt.Errorf("%q is not a key of a target: options go into the next argument, as in req:relay({uri = ...}, {%s = ...})", k, k)
		}
	}
	if err := unknownKey(x, targetKeys, ""); err != nil {
		return nil, err
	}
	if !namesDestination(x) {
		return nil, errors.New("the table has no destination: give uri, next_hop or flow")
	}
	t := &engine.Target{}
	if err := v.fillTarget(t, x); err != nil {
		return nil, err
	}
	t.Value = lua.LValue(x)
	return t, nil
}

// fillTarget reads the target keys of x into t.
func (v *vm) fillTarget(t *engine.Target, x *lua.LTable) error {
	if lv := x.RawGetString("uri"); lv != lua.LNil {
		if ud, ok := lv.(*lua.LUserData); ok {
			if o, ok := ud.Value.(Targeter); ok {
				base := o.Target()
				if base == nil {
					return errors.New("uri: the object no longer names a target")
				}
				*t = *base
				lv = lua.LString(base.URI)
			}
		}
		text, ok := uriTextOf(lv)
		if !ok || text == "" {
			return fmt.Errorf("uri must be a uri or a binding, not %s", describe(lv))
		}
		t.URI = text
	}
	for _, f := range []func(*engine.Target, *lua.LTable) error{fillPlace, fillPath, fillTimes, fillExtras} {
		if err := f(t, x); err != nil {
			return err
		}
	}
	return nil
}

// fillPlace reads next_hop, received, flow and from_socket.
func fillPlace(t *engine.Target, x *lua.LTable) error {
	for _, f := range []struct {
		key  string
		into *string
	}{{"next_hop", &t.NextHop}, {"received", &t.Received}, {"from_socket", &t.FromSocket}} {
		lv := x.RawGetString(f.key)
		if lv == lua.LNil {
			continue
		}
		text, ok := uriTextOf(lv)
		if !ok || text == "" {
			return fmt.Errorf("%s must be a string, not %s", f.key, describe(lv))
		}
		*f.into = text
	}
	switch lv := x.RawGetString("flow").(type) {
	case *lua.LNilType:
	case lua.LNumber:
		if lv < 0 || lv != lua.LNumber(uint64(lv)) {
			return fmt.Errorf("flow must be the flow of a binding, not %s", lv.String())
		}
		setFlow(t, uint64(lv))
	case lua.LString:
		id, err := strconv.ParseUint(string(lv), 10, 64)
		if err != nil {
			return fmt.Errorf("flow must be the flow of a binding, not %q", string(lv))
		}
		setFlow(t, id)
	default:
		return fmt.Errorf("flow must be the flow of a binding, not %s", describe(lv))
	}
	return nil
}

// fillPath reads path, a list of route entries.
func fillPath(t *engine.Target, x *lua.LTable) error {
	lv := x.RawGetString("path")
	if lv == lua.LNil {
		return nil
	}
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

// fillTimes reads q and the durations.
func fillTimes(t *engine.Target, x *lua.LTable) error {
	if lv := x.RawGetString("q"); lv != lua.LNil {
		q, ok := lv.(lua.LNumber)
		if !ok || !(q >= 0 && q <= 1) {
			return fmt.Errorf("q must be a number from 0 to 1, not %s", describe(lv))
		}
		t.Q = float64(q)
	}
	for _, f := range []struct {
		key  string
		into *time.Duration
	}{{"delay", &t.Delay}, {"timeout", &t.Timeout}, {"ring_timeout", &t.RingTimeout}, {"reply_timeout", &t.ReplyTimeout}} {
		lv := x.RawGetString(f.key)
		if lv == lua.LNil {
			continue
		}
		d, ok := seconds(lv)
		if !ok || d == 0 && f.key != "delay" {
			return fmt.Errorf("%s must be a number of seconds greater than 0, not %s", f.key, describe(lv))
		}
		*f.into = d
	}
	return nil
}

// fillExtras reads headers, credentials and vars.
func fillExtras(t *engine.Target, x *lua.LTable) error {
	if lv := x.RawGetString("headers"); lv != lua.LNil {
		edits, err := headerEdits(lv)
		if err != nil {
			return err
		}
		t.Headers = edits
	}
	if lv := x.RawGetString("vars"); lv != lua.LNil && lv.Type() != lua.LTTable {
		return fmt.Errorf("vars must be a table, not %s", describe(lv))
	}
	c, err := credentialsOf(x.RawGetString("credentials"))
	if c != nil {
		t.Credentials = c
	}
	return err
}

// credentialsOf reads {user=, password=}. The password may be a table {password=}, as users of the module
// auth are written, so that one table serves both.
func credentialsOf(lv lua.LValue) (*engine.Credentials, error) {
	if lv == lua.LNil {
		return nil, nil
	}
	c, ok := lv.(*lua.LTable)
	if !ok {
		return nil, fmt.Errorf("credentials must be {user = \"...\", password = \"...\"}, not %s", describe(lv))
	}
	if err := unknownKey(c, []string{"user", "password"}, "credentials."); err != nil {
		return nil, err
	}
	user, ok := c.RawGetString("user").(lua.LString)
	value := c.RawGetString("password")
	if t, is := value.(*lua.LTable); is {
		if err := unknownKey(t, []string{"password"}, "credentials.password."); err != nil {
			return nil, err
		}
		value = t.RawGetString("password")
	}
	password, ok2 := value.(lua.LString)
	if !ok || !ok2 {
		return nil, errors.New("credentials must be {user = \"...\", password = \"...\"}")
	}
	return &engine.Credentials{User: string(user), Password: string(password)}, nil
}

// bodyType takes a Content-Type out of headers where content_type doesn't say it: it is the same thing.
func bodyType(headers *[]engine.HeaderEdit, contentType *string) error {
	i := slices.IndexFunc(*headers, func(e engine.HeaderEdit) bool {
		return message.LookupHeader([]byte(e.Name)) == message.HeaderContentType
	})
	if i < 0 {
		return nil
	}
	values := (*headers)[i].Values
	if *contentType != "" || len(values) != 1 {
		return errors.New("a body has one type: give content_type, or one Content-Type among headers")
	}
	*contentType = values[0]
	*headers = slices.Delete(slices.Clone(*headers), i, i+1)
	return nil
}

// Targeter is an [Object] that names a place to send a request to. The Target is only read, and may be the same one each time. Its Value should be
// the object itself, so that res.target brings it back; nothing else of it may be set by others.
type Targeter interface {
	Target() *engine.Target
}
