package winfo

import (
	"fmt"
	"testing"
)

func TestAppend(t *testing.T) {
	d := &Document{Resource: "sip:bob@example.com", Package: "presence", Watchers: []Watcher{{ID: "1", URI: "sip:a&b@h", Status: "active", Event: "subscribe", Left: 60}, {ID: "2", URI: "sip:c@h", Status: "pending", Event: "subscribe"}}}
	want := `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo" version="3" state="full"><watcher-list resource="sip:bob@example.com" package="presence">` +
		`<watcher id="1" status="active" event="subscribe" expiration="60">sip:a&amp;b@h</watcher><watcher id="2" status="pending" event="subscribe">sip:c@h</watcher></watcher-list></watcherinfo>` + "\n"
	if got := string(d.Append(nil, 3, true)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDifference(t *testing.T) {
	a, b := Watcher{ID: "a", Status: "pending", Event: "subscribe"}, Watcher{ID: "b", Status: "active", Event: "subscribe"}
	approved := Watcher{ID: "a", Status: "active", Event: "approved"}
	doc := func(list ...Watcher) *Document { return &Document{Watchers: list} }
	for _, x := range []struct {
		name     string
		old, now *Document
		want     string
	}{
		{"nothing", doc(a, b), doc(a, b), "[]"},
		{"new", doc(a), doc(a, b), "[{b  active subscribe 0}]"},
		{"approved", doc(a, b), doc(approved, b), "[{a  active approved 0}]"},
		{"rejected", doc(a, b), doc(b), "[{a  terminated rejected 0}]"},
		{"timed out", doc(a, b), doc(a), "[{b  terminated timeout 0}]"},
	} {
		t.Run(x.name, func(t *testing.T) {
			diff, changed := x.now.Difference(x.old, map[string]string{"a": "rejected"})
			if got := fmt.Sprint(diff.Watchers); got != x.want || changed != (x.want != "[]") {
				t.Errorf("%v: %s", changed, got)
			}
		})
	}
}
