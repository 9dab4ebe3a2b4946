package b2b

// This file has what a script asks of a party within its dialog.

import (
	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
)

// returnsAgreed is true, or nil and the refusal.
var returnsAgreed = luabind.ReturnsOf(pushAgreed, luabind.Result{Name: "agreed", Type: luabind.Boolean, OrNil: true, Doc: "true if the party has agreed"},
	luabind.Result{Name: "response", Type: luabind.ResponseType, OrNil: true, Doc: "its refusal; 487 with the cause \"cancelled\" if the leg has ended, 491 if the two sides' offers met again and again"})

// pushAgreed returns what it came to.
func pushAgreed(c *luabind.Call, res *engine.Response) int {
	if res == nil {
		return c.PushBool(true)
	}
	return c.PushNil() + c.PushResponse(res)
}

const answered200 = takeCall + "local b, res = a:dial(\"sip:bob@192.0.2.7\")\nif not b then return a:reject(res) end\n"

var holdMethod = luabind.Parked1(luabind.Function{Name: "hold", Where: luabind.InHandler,
	Doc: "Puts the party on hold by an INVITE, and waits for its answer. A leg that is joined still hears its peer, and is not heard; without a peer it hears nobody. Whatever the peer says meanwhile " +
		"goes to the party with that direction. A party's own hold needs nothing of this: it passes.",
	Example: answered200 + "a:bridge(b, { timeout = 30 })\na:hold()\nsip.sleep(10)\na:resume()\na:bridge(b)"},
	luabind.Self[*leg](), returnsAgreed, func(c *luabind.Call, x *leg) luabind.Parked[*engine.Response] {
		return asked(c, x, x.l.Hold)
	})

var resumeMethod = luabind.Parked1(luabind.Function{Name: "resume", Where: luabind.InHandler,
	Doc: "Takes hold back. Of a leg that is not on hold it says true.", Example: answered200 + "a:bridge(b, { timeout = 30 })\na:hold()\na:resume()\na:bridge(b)"},
	luabind.Self[*leg](), returnsAgreed, func(c *luabind.Call, x *leg) luabind.Parked[*engine.Response] {
		return asked(c, x, x.l.Resume)
	})

// asked waits for what the party says to an INVITE of ours.
func asked(c *luabind.Call, x *leg, ask func(func(*engine.Response)) error) luabind.Parked[*engine.Response] {
	return wait(x, c, func(done func(*engine.Response, error)) {
		if err := ask(func(res *engine.Response) { done(res, nil) }); err != nil {
			done(nil, err)
		}
	})
}
