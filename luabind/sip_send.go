package luabind

import (
	"fmt"
	"time"

	"github.com/sipscript/sipscript/engine"
	lua "github.com/yuin/gopher-lua"
)

// sip.send.

type sendOptions struct {
	Method      string              `lua:"method,required" doc:"not INVITE, ACK or CANCEL, which need a dialog"`
	Headers     []engine.HeaderEdit `lua:"headers" doc:"{Name = text | list}"`
	Body        string              `lua:"body"`
	ContentType string              `lua:"content_type" doc:"of the body; a Content-Type in headers will do"`
	Timeout     time.Duration       `lua:"timeout" doc:"to a final response, default 32"`
	From        string              `lua:"from" doc:"the URI in From, default that of the listener"`
	To          string              `lua:"to" doc:"the URI in To, default the Request-URI"`
}

// sendKeys are all keys sip.send knows.
var sendKeys = []string{"method", "uri", "target", "from", "to", "headers", "body", "content_type", "timeout", "credentials"}

// sipSend declares sip.send.
func sipSend() Function {
	return Try1(Function{Name: "send", Waits: true,
		Doc:     "Sends a request of this server's own and waits for its final response. nil, err if none arrives in time, or nothing can be sent.",
		Raises:  "for INVITE, ACK and CANCEL, and headers that the engine owns",
		Example: `local res, err = sip.send({ method = "OPTIONS", uri = "sip:bob@192.0.2.7", timeout = 2 })`},
		sendArg, returnsLua(ResponseType, "").of(responseType), func(c *Call, spec *engine.SendSpec) (lua.LValue, error) {
			v := c.vm
			e := v.engineOf(c.l, "sip.send")
			var res *engine.Response
			var err error
			v.lent(func() { res, err = e.Send(v.lane, spec) })
			if err != nil {
				if m, bad := asMisuse(err); bad {
					raise(c.l, "%s", m.Text)
				}
				return nil, err
			}
			return &v.response(res, nil).ud, nil
		})
}

var sendArg = ArgOf(func(c *Call, n int) *engine.SendSpec {
	t, ok := c.l.Get(n).(*lua.LTable)
	if !ok {
		raise(c.l, "sip.send needs a table {method = ..., uri = ...}, not %s", describe(c.l.Get(n)))
	}
	spec, err := c.vm.sendSpec(t)
	if err != nil {
		c.Raise("%v", err)
	}
	return spec
}, Param{Name: "options", Type: Table, Options: append(OptionsOf(sendOptions{}),
	Option{Name: "uri", Kind: URIType, Doc: "the Request-URI; this or target is required"},
	Option{Name: "target", Kind: TargetType, Doc: "as for relay", Options: targetKeys.options()},
	Option{Name: "credentials", Kind: Table, Options: credentialKeys, Doc: "{user=, password=}, to answer a challenge with"})})

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
