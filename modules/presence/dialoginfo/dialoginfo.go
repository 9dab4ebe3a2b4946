// Package dialoginfo is the document of calls in progress: application/dialog-info+xml (RFC 4235).
package dialoginfo

import (
	"errors"
	"slices"
	"strconv"

	"github.com/sipscript/sipscript/modules/presence/xmltree"
)

// Type is that of the documents, Space their namespace.
const (
	Type  = "application/dialog-info+xml"
	Space = "urn:ietf:params:xml:ns:dialog-info"
)

// maxDialogs bounds a document.
const maxDialogs = 64

// States of a dialog (RFC 4235 §3.7.1).
const (
	Trying     = "trying"
	Proceeding = "proceeding"
	Early      = "early"
	Confirmed  = "confirmed"
	Terminated = "terminated"
)

// States are all of them.
func States() []string { return []string{Trying, Proceeding, Early, Confirmed, Terminated} }

// Dialog is one dialog, as the phone sees it whose user the document is about.
type Dialog struct {
	ID     string // the same in all documents
	CallID string // with the tags of that phone's own side: what Replaces names
	Local  string // its tag, "" while there is none
	Remote string // the other's tag
	// Outgoing: the user called ("initiator"); otherwise was called ("recipient").
	Outgoing bool
	State    string // one of States
	Event    string // why it is terminated: "cancelled", "rejected", "local-bye", … ; "" for none
	Code     int    // with that, 0 for none
	// Far is the other party, and Near the user, each with what is shown.
	Near, Far Party
	// Node is a dialog that somebody published, in place of all of the above except ID and State.
	Node *xmltree.Node
}

// Party is one side of a call.
type Party struct {
	URI     string // the identity, "" is not shown
	Display string // its name, "" for none
	Target  string // where it is reached, "" is not shown
}

// Document is what the subscriber of a user's calls is told: all Dialogs.
type Document struct {
	Entity  string // the user's URI
	Dialogs []Dialog
}

// Append writes the document; full means that dialogs which it does not name are over (RFC 4235
// §3.4); anonymous leaves out who the other party is.
func (d *Document) Append(dst []byte, version uint32, full, anonymous bool) []byte {
	state := "partial"
	if full {
		state = "full"
	}
	root := xmltree.New(Space, "dialog-info", "", xmltree.Attr{Name: "version", Value: strconv.FormatUint(uint64(version), 10)},
		xmltree.Attr{Name: "state", Value: state}, xmltree.Attr{Name: "entity", Value: d.Entity})
	for i := range d.Dialogs {
		root.Add(d.Dialogs[i].node(anonymous))
	}
	return root.Append(dst)
}

// node is the dialog as an element, its parts in the order of the schema.
func (d *Dialog) node(anonymous bool) *xmltree.Node {
	if d.Node != nil {
		if !anonymous {
			return d.Node
		}
		n := *d.Node
		n.Children = slices.DeleteFunc(slices.Clone(n.Children), func(c *xmltree.Node) bool { return c.Is(Space, "remote") || c.Is(Space, "referred-by") })
		return &n
	}
	direction := "recipient"
	if d.Outgoing {
		direction = "initiator"
	}
	n := xmltree.New(Space, "dialog", "", xmltree.Attr{Name: "id", Value: d.ID})
	for _, a := range [...]xmltree.Attr{{Name: "call-id", Value: d.CallID}, {Name: "local-tag", Value: d.Local}, {Name: "remote-tag", Value: d.Remote}} {
		if a.Value != "" {
			n.Attrs = append(n.Attrs, a)
		}
	}
	n.Set("direction", direction)
	s := xmltree.New(Space, "state", d.State)
	if d.Event != "" {
		s.Set("event", d.Event)
	}
	if d.Code > 0 {
		s.Set("code", strconv.Itoa(d.Code))
	}
	n.Add(s)
	n.Add(d.Near.node("local")...)
	if !anonymous {
		n.Add(d.Far.node("remote")...)
	}
	return n
}

func (p *Party) node(name string) []*xmltree.Node {
	if p.URI == "" && p.Target == "" {
		return nil
	}
	n := xmltree.New(Space, name, "")
	if p.URI != "" {
		identity := xmltree.New(Space, "identity", p.URI)
		if p.Display != "" {
			identity.Set("display", p.Display)
		}
		n.Add(identity)
	}
	if p.Target != "" {
		n.Add(xmltree.New(Space, "target", "", xmltree.Attr{Name: "uri", Value: p.Target}))
	}
	return []*xmltree.Node{n}
}

// Parse reads a document that a phone publishes: one with the full state, for nobody keeps what it
// would be a difference from (RFC 4235 has no publication; the phones that do it send full state).
func Parse(text []byte) (*Document, error) {
	root, err := xmltree.Parse(text)
	if err != nil {
		return nil, err
	}
	if !root.Is(Space, "dialog-info") {
		return nil, errors.New("dialoginfo: the document is not a <dialog-info> of " + Space)
	}
	if root.Attr("state") == "partial" {
		return nil, errors.New("dialoginfo: only documents with the full state are taken")
	}
	d := &Document{Entity: root.Attr("entity")}
	for _, n := range root.Children {
		if !n.Is(Space, "dialog") {
			continue
		}
		state := n.Child(Space, "state").Content()
		id := n.Attr("id")
		if id == "" || !slices.Contains(States(), state) || slices.ContainsFunc(d.Dialogs, func(o Dialog) bool { return o.ID == id }) {
			return nil, errors.New("dialoginfo: each dialog needs an id of its own, and a state")
		}
		if len(d.Dialogs) >= maxDialogs {
			return nil, errors.New("dialoginfo: too many dialogs")
		}
		d.Dialogs = append(d.Dialogs, Dialog{ID: id, State: state, Node: n})
	}
	return d, nil
}

// Compose makes one document of several, the first that names a dialog being right about it.
func Compose(entity string, docs []*Document) *Document {
	all := &Document{Entity: entity}
	seen := map[string]bool{}
	for _, d := range docs {
		for i := range d.Dialogs {
			if id := d.Dialogs[i].ID; !seen[id] && len(all.Dialogs) < maxDialogs {
				seen[id] = true
				all.Dialogs = append(all.Dialogs, d.Dialogs[i])
			}
		}
	}
	return all
}

// Difference is what a subscriber who knows old is not told yet: dialogs that are new or another,
// and those that are gone, as terminated. changed is false if there is nothing.
func (d *Document) Difference(old *Document) (diff *Document, changed bool) {
	diff = &Document{Entity: d.Entity}
	for i := range d.Dialogs {
		now := &d.Dialogs[i]
		if before := old.find(now.ID); before == nil || !before.same(now) {
			diff.Dialogs = append(diff.Dialogs, *now)
		}
	}
	for i := range old.Dialogs {
		if before := &old.Dialogs[i]; before.State != Terminated && d.find(before.ID) == nil {
			gone := *before
			gone.State, gone.Node = Terminated, nil
			diff.Dialogs = append(diff.Dialogs, gone)
		}
	}
	return diff, len(diff.Dialogs) > 0
}

func (d *Document) find(id string) *Dialog {
	for i := range d.Dialogs {
		if d.Dialogs[i].ID == id {
			return &d.Dialogs[i]
		}
	}
	return nil
}

func (d *Dialog) same(o *Dialog) bool {
	if d.Node != nil && o.Node != nil {
		return d.Node.Equal(o.Node)
	}
	return *d == *o
}
