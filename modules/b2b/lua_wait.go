package b2b

// This file waits for what a party sends within its call: digits and requests.

import (
	"errors"
	"time"

	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/luabind"
)

// waiting are the options of leg:wait.
type waiting struct {
	Timeout time.Duration `lua:"timeout" min:"0.01" max:"3600" default:"60" doc:"seconds until it gives up"`
}

// heard is what wait returns.
type heard struct {
	h   dialog.Heard
	why string
}

// checkWanted returns what is wrong with what a script waits for.
func checkWanted(kinds []string) error {
	if len(kinds) == 0 {
		return errors.New("wait for something: \"dtmf\", \"INFO\" or \"MESSAGE\"")
	}
	for _, k := range kinds {
		if k != dialog.Digit && k != "INFO" && k != "MESSAGE" {
			return errors.New("a leg can wait for \"dtmf\", \"INFO\" and \"MESSAGE\", not for " + k)
		}
	}
	return nil
}

var waitMethod = luabind.Parked3(luabind.Function{Name: "wait", Where: luabind.InHandler,
	Doc: "Waits until the party has pressed a key, or sent a request. Keys are those that come by INFO (application/dtmf-relay, application/dtmf); those in the media are known to rtpengine alone: see its event rtpengine.dtmf. " +
		"Up to 32 keys of a party that talks to nobody are kept for a script that does something else meanwhile. What a bridge passes is passed, and heard as well. " +
		"INFO is answered 200 by the leg itself; MESSAGE too while a script waits for it, and 405 at other times.",
	Raises:  "for anything else to wait for",
	Example: takeCall + "a:answer(\"v=0\\r\\no=- 1 1 IN IP4 192.0.2.20\\r\\ns=-\\r\\nc=IN IP4 192.0.2.20\\r\\nt=0 0\\r\\nm=audio 4000 RTP/AVP 8\\r\\n\")\nlocal pin = \"\"\nwhile #pin < 4 do\n  local what, key = a:wait(\"dtmf\", { timeout = 10 })\n  if not what then return a:hang_up() end\n  pin = pin .. key\nend"},
	luabind.Self[*leg](), luabind.StringsArg("kinds", "\"dtmf\", \"INFO\", \"MESSAGE\": one, or a list"), luabind.OptionsArg(waiting{Timeout: time.Minute}),
	luabind.ReturnsOf(pushHeard,
		luabind.Result{Name: "what", Type: luabind.String, OrNil: true, Doc: "\"dtmf\", or the method; nil if nothing came"},
		luabind.Result{Name: "value", Type: luabind.String, Doc: "the key, one of 0-9 * # A-D and ! for a hook flash; the body of a request; or, behind nil, \"timeout\", \"ended\", or \"busy\": another script waits"},
		luabind.Result{Name: "type", Type: luabind.String, OrNil: true, Doc: "the Content-Type of the request"}),
	func(c *luabind.Call, x *leg, kinds []string, o waiting) luabind.Parked[heard] {
		check(c, checkWanted(kinds))
		return wait(x, c, func(done func(heard, error)) {
			err := x.l.Hear(kinds, o.Timeout, func(h dialog.Heard, why string) { done(heard{h, why}, nil) })
			if err != nil {
				done(heard{}, err)
			}
		})
	})

func pushHeard(c *luabind.Call, x heard) int {
	switch x.why {
	case "":
		n := c.PushString(x.h.What) + c.PushString(string(x.h.Value))
		if x.h.Type == "" {
			return n + c.PushNil()
		}
		return n + c.PushString(x.h.Type)
	case dialog.WhyAgain:
		return c.PushNil() + c.PushString("timeout")
	}
	return c.PushNil() + c.PushString("ended")
}
