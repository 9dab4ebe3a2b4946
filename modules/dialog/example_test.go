package dialog_test

import (
	"fmt"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/modules/dialog"
)

// Calls of a router written in Go: two at a time for each caller.
func Example() {
	calls, err := dialog.New(dialog.Options{})
	if err != nil {
		panic(err)
	}
	defer calls.Close()
	calls.Watch(func(e dialog.Event) { fmt.Println(e.Kind, e.Call.View().Cause) })
	route := func(r *engine.Request) error {
		if r.InDialog() {
			_, err := r.Relay(nil, nil)
			return err
		}
		if _, err := calls.Track(r, dialog.TrackOptions{Limits: []dialog.Limit{{Key: string(r.Message().FromTag()), Most: 2}}}); err != nil {
			_, err := r.Reply(486, "", nil)
			return err
		}
		_, err := r.Relay([]*engine.Target{{URI: "sip:bob@192.0.2.7"}}, nil)
		return err
	}
	_ = route // engine.Config{Parts: []engine.Part{calls}, Router: …}
	fmt.Println(calls.Count(""))
	// Output: 0
}
