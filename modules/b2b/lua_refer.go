package b2b

// This file has REFERs of the script's own.

import (
	"fmt"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
)

// referTime is how long a party may take to do what a REFER asks for.
const referTime = 180 * time.Second

// referringOptions are the options of leg:refer.
type referringOptions struct {
	Timeout time.Duration       `lua:"timeout" min:"1" max:"3600" default:"180" doc:"seconds until the party has told how it went"`
	Headers []engine.HeaderEdit `lua:"headers" doc:"{Name = text | list}: of the REFER, Referred-By for example"`
}

func (o *referringOptions) options() dialog.ReferOptions {
	return dialog.ReferOptions{Timeout: o.Timeout, Headers: o.Headers}
}

// check returns what is wrong with the URI that a party is to call, or the options.
func (o *referringOptions) check(uri string) error {
	if u, err := message.ParseURI([]byte(uri)); err != nil || !u.IsSIP() {
		return fmt.Errorf("%q is not a URI that can be called, such as \"sip:desk@example.com\"", uri)
	}
	return mayEdit(o.Headers)
}

// whom is whom a party is to call.
type whom struct {
	leg    *leg
	uri    string
	dialog string // of this server with the leg's party
}

var whomArg = luabind.ArgOf(func(c *luabind.Call, n int) whom {
	if o, ok := c.AnyObject(n); ok {
		if x, ok := o.(*leg); ok {
			return whom{leg: x}
		}
	}
	return whom{uri: c.URIText(n)}
}, luabind.Param{Name: "to", Type: luabind.Any, Doc: "a URI, or a leg: its party, whose call with this server the other one then takes over (Replaces)"})

var referMethod = luabind.Parked3(luabind.Function{Name: "refer", Where: luabind.InHandler,
	Doc: "Asks the party by a REFER to call somebody by itself, and waits until it has told how that went. The leg goes on, whatever that was: hang it up when the party has somebody to talk to. " +
		"Phones of strangers refuse more often than not; transfer needs nothing of them.",
	Example: answered200 + "a:bridge(b, { timeout = 60 })\nlocal ok, res = b:refer(\"sip:desk@192.0.2.9\", { timeout = 20 })\nif not ok then sip.log.info(\"%d\", res.code) end"},
	luabind.Self[*leg](), whomArg, luabind.OptionsArg(referringOptions{Timeout: referTime}),
	luabind.ReturnsOf(pushAgreed, luabind.Result{Name: "done", Type: luabind.Boolean, OrNil: true, Doc: "true if the party has told a 2xx, or refers without telling"},
		luabind.Result{Name: "response", Type: luabind.ResponseType, OrNil: true,
			Doc: "its refusal of the REFER, or the code that its last NOTIFY told; 408 if that did not come in time, 487 with the cause \"cancelled\" if the leg has ended, 500 if nobody knows"}),
	func(c *luabind.Call, x *leg, to whom, o referringOptions) luabind.Parked[*engine.Response] {
		options := o.options()
		if to.leg == nil {
			check(c, o.check(to.uri))
		} else {
			check(c, mayEdit(o.Headers))
			named, err := do(to.leg, c, func() (whom, error) {
				uri, dialog := to.leg.l.Party()
				return whom{uri: uri, dialog: dialog}, nil
			})
			if err == nil && named.dialog == "" {
				err = dialog.ErrState
			}
			if err != nil {
				return func(done func(*engine.Response, error)) { done(nil, err) }
			}
			to.uri, options.Replaces = named.uri, named.dialog
		}
		return asked(c, x, func(done func(*engine.Response)) error { return x.l.Refer(to.uri, options, done) })
	})
