package rtpengine

// sipscript rtpengine: the media relays of a running server.

import (
	"fmt"
	"strconv"

	"github.com/sipscript/sipscript/modules/host"
)

func command() host.Command {
	engines := host.Command{Name: "engines", Usage: "show the daemons and how they fare", Remote: true, Flags: host.ShowFlags(), Run: showEngines}
	return host.Command{Name: "rtpengine", Usage: "look at the media relays of a running server", Remote: true, Flags: engines.Flags, Sub: []host.Command{engines},
		Run: func(c *host.Invocation) error { return c.Alone(showEngines, "engines") }}
}

func showEngines(c *host.Invocation) error {
	if len(c.Args) > 0 {
		return host.Usagef("%s takes no argument: found %q", c.Command, c.Args[0])
	}
	return host.Show(c, "/api/v1/rtpengine/engines", func(a *enginesAnswer) host.View {
		rows, essence := [][]string{{"ENGINE", "SET", "WEIGHT", "STATE", "WAITING", "COMMANDS", "ERRORS"}}, []byte("\n")
		for _, e := range a.Engines {
			state := "down"
			if e.Up {
				state = "up"
			}
			rows = append(rows, []string{e.URI, e.Set, strconv.Itoa(e.Weight), state, strconv.Itoa(e.Waiting), strconv.FormatUint(e.Commands, 10), strconv.FormatUint(e.Errors, 10)})
			essence = fmt.Appendln(essence, e.URI, e.Set, e.Weight, state)
		}
		return host.View{Table: host.Table(rows...), Essence: essence}
	})
}
