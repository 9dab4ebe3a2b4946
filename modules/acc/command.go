package acc

// sipscript acc: it asks a running server how its records fare.

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"github.com/sipscript/sipscript/modules/host"
)

func command() host.Command {
	show := host.Command{Name: "destinations", Usage: "show where records go, and what waits", Remote: true, Flags: host.ShowFlags(), Run: destinations}
	return host.Command{Name: "acc", Usage: "look at the records of calls of a running server", Remote: true, Flags: show.Flags, Sub: []host.Command{show},
		Run: func(c *host.Invocation) error { return c.Alone(destinations, "destinations") }}
}

func destinations(c *host.Invocation) error {
	if len(c.Args) > 0 {
		return host.Usagef("%s takes no argument: found %q", c.Command, c.Args[0])
	}
	return host.Show(c, "/api/v1/acc/destinations", func(a *struct{ Destinations []destinationAnswer }) host.View {
		rows := [][]string{{"DESTINATION", "STATE", "WRITTEN", "WAITING", "OLDEST", "FAILED", "REFUSED", "WHY"}}
		var essence bytes.Buffer
		for _, d := range a.Destinations {
			state := "up"
			if !d.Up {
				state = "away"
			}
			oldest := time.Duration(d.Oldest * float64(time.Second)).Round(time.Second).String()
			rows = append(rows, []string{d.Name, state, strconv.FormatUint(d.Written, 10), strconv.FormatUint(d.Waiting, 10), oldest,
				strconv.FormatUint(d.Failed, 10), strconv.FormatUint(d.Refused, 10), d.Why})
			// Times alone are not a change
			fmt.Fprintln(&essence, d.Name, state, d.Written, d.Waiting, d.Refused)
		}
		return host.View{Table: host.Table(rows...), Essence: essence.Bytes()}
	})
}
