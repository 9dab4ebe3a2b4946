// Package pidf is the presence document: application/pidf+xml (RFC 3863), with the elements of the
// data model (RFC 4479) in it.
package pidf

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sipscript/sipscript/modules/presence/xmltree"
)

// Type is that of the documents.
const Type = "application/pidf+xml"

// The namespaces of presence.
const (
	Space = "urn:ietf:params:xml:ns:pidf"
	model = "urn:ietf:params:xml:ns:pidf:data-model"
	rpid  = "urn:ietf:params:xml:ns:pidf:rpid"
)

// Bounds on what one document may have.
const maxTuples = 64

// Document is a presence document. It is not changed once it is made.
type Document struct {
	Entity  string          // the URI of who it is about
	Tuples  []*xmltree.Node // each has an id, no two the same
	Devices []*xmltree.Node // data-model
	Persons []*xmltree.Node // data-model
	Notes   []*xmltree.Node // about the user
	Others  []*xmltree.Node // of other namespaces
}

// Parse reads a document: a publisher's. The schema of what it does not know is not checked.
func Parse(text []byte) (*Document, error) {
	root, err := xmltree.Parse(text)
	if err != nil {
		return nil, err
	}
	if !root.Is(Space, "presence") {
		return nil, errors.New("pidf: the document is not a <presence> of " + Space)
	}
	d := &Document{Entity: root.Attr("entity")}
	seen := map[string]bool{}
	for _, n := range root.Children {
		switch {
		case n.Is(Space, "tuple"):
			id := n.Attr("id")
			if id == "" || seen[id] {
				return nil, fmt.Errorf("pidf: a tuple with the id %.80q: each needs one of its own", id)
			}
			if n.Child(Space, "status") == nil { // RFC 3863 §4.1.4
				return nil, errors.New("pidf: a tuple without status")
			}
			seen[id] = true
			d.Tuples = append(d.Tuples, n)
		case n.Is(Space, "note"):
			d.Notes = append(d.Notes, n)
		case n.Is(model, "person"):
			d.Persons = append(d.Persons, n)
		case n.Is(model, "device"):
			d.Devices = append(d.Devices, n)
		case n.Name != "":
			d.Others = append(d.Others, n)
		}
	}
	if len(d.Tuples) > maxTuples || len(root.Children) > 4*maxTuples {
		return nil, errors.New("pidf: too many elements")
	}
	return d, nil
}

// Compose makes one document of those of several publishers, the newest first: each tuple and
// device once, by its id, as the newest publisher has it; the person as the newest that speaks of
// one has it (a user has one state: RFC 4479 §3.2), and notes likewise.
func Compose(entity string, newest []*Document) *Document {
	all := &Document{Entity: entity}
	tuples, devices := map[string]bool{}, map[string]bool{}
	for _, d := range newest {
		all.Tuples = appendNew(all.Tuples, d.Tuples, tuples)
		all.Devices = appendNew(all.Devices, d.Devices, devices)
		if all.Persons == nil {
			all.Persons = d.Persons
		}
		if all.Notes == nil {
			all.Notes = d.Notes
		}
		if all.Others == nil {
			all.Others = d.Others
		}
	}
	if len(all.Tuples) > maxTuples {
		all.Tuples = all.Tuples[:maxTuples]
	}
	return all
}

// appendNew appends the elements whose id was not seen.
func appendNew(list, more []*xmltree.Node, seen map[string]bool) []*xmltree.Node {
	for _, n := range more {
		if id := n.Attr("id"); !seen[id] {
			seen[id] = true
			list = append(list, n)
		}
	}
	return list
}

// Root is the document as a tree, in the order of the schema.
func (d *Document) Root() *xmltree.Node {
	root := xmltree.New(Space, "presence", "", xmltree.Attr{Name: "entity", Value: d.Entity})
	return root.Add(slices.Concat(d.Tuples, d.Notes, d.Persons, d.Devices, d.Others)...)
}

// Append writes the document.
func (d *Document) Append(dst []byte) []byte { return d.Root().Append(dst) }

// State is one user's state in few words: what a script sets, and what registrations say.
type State struct {
	Open     bool   // reachable
	Contact  string // "" for none
	Priority string // of the contact: a qvalue, "" for none
	Note     string // for people, "" for none
	// Activity is one of RPID's ("busy", "away", "on-the-phone": RFC 4480 §3.2), "" for none.
	Activity string
	At       time.Time // zero: not said
}

// Tuple makes a tuple.
func (s *State) Tuple(id string) *xmltree.Node {
	basic := "closed"
	if s.Open {
		basic = "open"
	}
	t := xmltree.New(Space, "tuple", "", xmltree.Attr{Name: "id", Value: id}).Add(xmltree.New(Space, "status", "").Add(xmltree.New(Space, "basic", basic)))
	if s.Contact != "" {
		c := xmltree.New(Space, "contact", s.Contact)
		if s.Priority != "" {
			c.Set("priority", s.Priority)
		}
		t.Add(c)
	}
	if s.Note != "" {
		t.Add(xmltree.New(Space, "note", s.Note))
	}
	if !s.At.IsZero() {
		t.Add(xmltree.New(Space, "timestamp", s.At.UTC().Format(time.RFC3339)))
	}
	return t
}

// Document makes a document of one tuple.
func (s *State) Document(entity, id string) *Document {
	d := &Document{Entity: entity, Tuples: []*xmltree.Node{s.Tuple(id)}}
	if s.Activity != "" {
		d.Persons = []*xmltree.Node{xmltree.New(model, "person", "", xmltree.Attr{Name: "id", Value: id + "-person"}).
			Add(xmltree.New(rpid, "activities", "").Add(xmltree.New(rpid, s.Activity, "")))}
	}
	return d
}

// Activities are those of RFC 4480 §3.2 that State may name.
func Activities() []string {
	return []string{"appointment", "away", "breakfast", "busy", "dinner", "holiday", "in-transit", "looking-for-work", "lunch", "meal", "meeting", "on-the-phone",
		"performance", "permanent-absence", "playing", "presentation", "shopping", "sleeping", "spectator", "steering", "travel", "tv", "unknown", "vacation", "working", "worship"}
}

// Closed is the document of somebody of whom nothing is known, and of somebody who does not want to
// be seen: the two look alike.
func Closed(entity string) *Document { return (&State{}).Document(entity, "none") }

// Open reports whether any tuple of the document is open.
func (d *Document) Open() bool {
	return slices.ContainsFunc(d.Tuples, func(t *xmltree.Node) bool {
		status := t.Child(Space, "status")
		return status != nil && status.Child(Space, "basic").Content() == "open"
	})
}
