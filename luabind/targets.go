package luabind

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	lua "github.com/yuin/gopher-lua"
)

// Targets of relay, fork, forward and redirect: text, a uri, a module's object, a table, or a list
// of those.

// destinationKeys are those that say where a request goes: a table with none of them is not a
// target.
var destinationKeys = [...]string{"uri", "next_hop", "flow", "received"}

// hole finds the first entry of a list that is nil although others follow: the result of a failed
// lookup for one entry.
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

// namesDestination reports whether t is a target or a list, not options.
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
	t := &engine.Target{}
	if err := v.fillTarget(t, x); err != nil {
		return nil, err
	}
	if !namesDestination(x) {
		return nil, errors.New("the table has no destination: give uri, next_hop or flow")
	}
	t.Value = lua.LValue(x)
	return t, nil
}

// fillTarget reads the target keys of x into t: uri first, since a binding there brings the others.
func (v *vm) fillTarget(t *engine.Target, x *lua.LTable) error {
	if lv := x.RawGetString("uri"); lv != lua.LNil {
		if err := setURI(v, t, lv); err != nil {
			return err
		}
	}
	return targetKeys.read(v, x, t, "uri")
}

func setURI(_ *vm, t *engine.Target, lv lua.LValue) error {
	if ud, ok := lv.(*lua.LUserData); ok {
		if o, ok := ud.Value.(Targeter); ok {
			base := o.Target()
			if base == nil {
				return errors.New("uri: the object no longer names a target")
			}
			*t = *base
			if base.URI == "" { // it leads elsewhere without changing the Request-URI
				return nil
			}
			lv = lua.LString(base.URI)
		}
	}
	text, ok := uriTextOf(lv)
	if !ok || text == "" {
		return fmt.Errorf("uri must be a uri or a binding, not %s", describe(lv))
	}
	t.URI = text
	return nil
}

// credentialsOf reads {user=, password=}. The password may be a table {password=}, the form of
// users in the module auth, so that one table serves both.
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

// bodyType takes a Content-Type from headers if content_type is not given: both mean the same.
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

// Targeter is an [Object] that names a place to send a request to. The Target is only read, and may
// be the same one each time. Its Value should be the object itself, so that res.target returns it;
// others must not set anything else in it.
type Targeter interface {
	Target() *engine.Target
}

// TargetNamer is a [Targeter] that makes its Target anew each time, and can say what Target.String
// would without that: whoever observes a server is told it for each call.
type TargetNamer interface{ TargetName() string }
