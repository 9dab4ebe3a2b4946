package luabind

import (
	"fmt"
	"time"

	"github.com/sipscript/sipscript/engine"
	lua "github.com/yuin/gopher-lua"
)

// sip.send.

type sendOptions struct {
	Method      string              `lua:"method,required"`
	Headers     []engine.HeaderEdit `lua:"headers"`
	Body        string              `lua:"body"`
	ContentType string              `lua:"content_type"`
	Timeout     time.Duration       `lua:"timeout"`
	From        string              `lua:"from"`
	To          string              `lua:"to"`
}

// sendKeys are all keys sip.send knows.
var sendKeys = []string{"method", "uri", "target", "from", "to", "headers", "body", "content_type", "timeout", "credentials"}

// sipSend is sip.send{method=, uri= | target=, ...} -> response | nil, err.
func (v *vm) sipSend(l *lua.LState) int {
	v.mustWait(l, "sip.send")
	e := v.engineOf(l, "sip.send")
	t, ok := l.Get(1).(*lua.LTable)
	if !ok {
		raise(l, "sip.send needs a table {method = ..., uri = ...}, not %s", describe(l.Get(1)))
	}
	spec, err := v.sendSpec(t)
	if err != nil {
		raise(l, "sip.send: %v", err)
	}
	var res *engine.Response
	v.lent(func() { res, err = e.Send(v.lane, spec) })
	if err != nil {
		if m, bad := asMisuse(err); bad {
			raise(l, "%s", m.Text)
		}
		return failText(l, err.Error())
	}
	l.Push(&v.response(res, nil).ud)
	return 1
}

func (v *vm) sendSpec(t *lua.LTable) (*engine.SendSpec, error) {
	if err := unknownKey(t, sendKeys, ""); err != nil {
		return nil, err
	}
	opts := v.main.NewTable()
	var uri, target, credentials lua.LValue = lua.LNil, lua.LNil, lua.LNil
	t.ForEach(func(k, x lua.LValue) {
		switch k {
		case lua.LString("uri"):
			uri = x
		case lua.LString("target"):
			target = x
		case lua.LString("credentials"):
			credentials = x
		default:
			opts.RawSet(k, x)
		}
	})
	var o sendOptions
	if err := decodeTable(v, opts, &o); err != nil {
		return nil, err
	}
	if o.Body != "" {
		if err := bodyType(&o.Headers, &o.ContentType); err != nil {
			return nil, err
		}
	}
	spec := &engine.SendSpec{Method: o.Method, From: o.From, To: o.To, Headers: o.Headers, ContentType: o.ContentType, Timeout: o.Timeout}
	if o.Body != "" {
		if o.ContentType == "" {
			return nil, fmt.Errorf("a body needs a content_type")
		}
		spec.Body = []byte(o.Body)
	}
	if uri != lua.LNil {
		text, ok := uriTextOf(uri)
		if !ok {
			return nil, fmt.Errorf("uri must be a uri or a string, not %s", describe(uri))
		}
		spec.URI = text
	}
	if target != lua.LNil {
		one, err := v.target(target)
		if err != nil {
			return nil, err
		}
		spec.Target = one
	}
	if uri == lua.LNil && target == lua.LNil {
		return nil, fmt.Errorf("uri or target is required")
	}
	c, err := credentialsOf(credentials)
	if err != nil {
		return nil, err
	}
	if c != nil {
		own := engine.Target{URI: spec.URI}
		if spec.Target != nil {
			own = *spec.Target
		}
		own.Credentials = c
		spec.Target = &own
	}
	return spec, nil
}
