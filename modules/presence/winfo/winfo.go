// Package winfo is the document of who watches somebody: application/watcherinfo+xml (RFC 3858).
package winfo

import (
	"slices"
	"strconv"

	"github.com/sipscript/sipscript/modules/presence/xmltree"
)

// Type is that of the documents.
const Type = "application/watcherinfo+xml"

const space = "urn:ietf:params:xml:ns:watcherinfo"

// Watcher is one subscription (RFC 3857 §4.7.1).
type Watcher struct {
	ID, URI string // of the subscription, and of who watches
	Status  string // "active", "pending", "terminated"
	// What made it so: "subscribe", "approved", "deactivated", "probation", "rejected", "timeout",
	// "giveup", "noresource"
	Event string
	Left  int // seconds until it ends, 0: not said
}

// Document is who watches a Resource, by one event Package: all Watchers.
type Document struct {
	Resource, Package string
	Watchers          []Watcher
}

// Append writes the document; full means that it names all watchers.
func (d *Document) Append(dst []byte, version uint32, full bool) []byte {
	state := "partial"
	if full {
		state = "full"
	}
	list := xmltree.New(space, "watcher-list", "", xmltree.Attr{Name: "resource", Value: d.Resource}, xmltree.Attr{Name: "package", Value: d.Package})
	for _, w := range d.Watchers {
		n := xmltree.New(space, "watcher", w.URI, xmltree.Attr{Name: "id", Value: w.ID}, xmltree.Attr{Name: "status", Value: w.Status}, xmltree.Attr{Name: "event", Value: w.Event})
		if w.Left > 0 {
			n.Set("expiration", strconv.Itoa(w.Left))
		}
		list.Add(n)
	}
	return xmltree.New(space, "watcherinfo", "", xmltree.Attr{Name: "version", Value: strconv.FormatUint(uint64(version), 10)}, xmltree.Attr{Name: "state", Value: state}).
		Add(list).Append(dst)
}

// Difference is what somebody who knows old is not told yet; ended are those that are gone, with
// why.
func (d *Document) Difference(old *Document, ended map[string]string) (diff *Document, changed bool) {
	diff = &Document{Resource: d.Resource, Package: d.Package}
	for _, w := range d.Watchers {
		if i := slices.IndexFunc(old.Watchers, func(o Watcher) bool { return o.ID == w.ID }); i < 0 || old.Watchers[i].Status != w.Status {
			diff.Watchers = append(diff.Watchers, w)
		}
	}
	for _, o := range old.Watchers {
		if !slices.ContainsFunc(d.Watchers, func(w Watcher) bool { return w.ID == o.ID }) {
			o.Status, o.Event, o.Left = "terminated", ended[o.ID], 0
			if o.Event == "" {
				o.Event = "timeout"
			}
			diff.Watchers = append(diff.Watchers, o)
		}
	}
	return diff, len(diff.Watchers) > 0
}
