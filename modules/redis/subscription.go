package redis

// Channels that a script listens to.

import (
	"strings"
	"time"

	"github.com/sipscript/sipscript/luabind"
)

// subscription is one subscribe.
type subscription struct {
	s       *server
	channel string
	fn      *luabind.Func
}

// again is how long a lost connection is waited for; it doubles up to longest.
const (
	again   = 100 * time.Millisecond
	longest = 5 * time.Second
)

// run listens until the generation is replaced.
func (x *subscription) run(m *module) {
	pause := again
	for m.ctx.Err() == nil {
		began := time.Now()
		err := x.s.client.Subscribe(m.ctx, func(_, message string) { x.tell(m, message) }, x.channel)
		if m.ctx.Err() != nil {
			return
		}
		if time.Since(began) > longest {
			pause = again
		}
		m.host.Log().Warn("a subscription was lost, and is made again", "server", x.s.client.Name(), "channel", x.channel, "error", errorText(err))
		select {
		case <-time.After(pause):
		case <-m.ctx.Done():
		}
		pause = min(2*pause, longest)
	}
}

func (x *subscription) tell(m *module, message string) {
	var nothing struct{}
	x.fn.Start("redis "+x.channel, &nothing, func(err error) {
		if err == luabind.ErrNotStarted && m.ctx.Err() == nil {
			m.host.Log().Error("a message was not handled: the lane is overloaded", "channel", x.channel)
		}
	}, message)
}

func errorText(err error) string {
	if err == nil {
		return "the server ended it"
	}
	return strings.TrimSpace(err.Error())
}
