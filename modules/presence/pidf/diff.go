package pidf

// This file is partial documents: application/pidf-diff+xml (RFC 5262), which name what has changed
// by the selectors of RFC 5261.

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/modules/presence/xmltree"
)

// DiffType is the type of documents that may be partial.
const DiffType = "application/pidf-diff+xml"

// diffSpace is the namespace of their root.
const diffSpace = "urn:ietf:params:xml:ns:pidf-diff"

// AppendFull writes the document as the state that partial ones build on (RFC 5262 §3.1).
func (d *Document) AppendFull(dst []byte, version uint32) []byte {
	return d.root("pidf-full", version).Add(d.Root().Children...).AppendIn(dst, Space)
}

func (d *Document) root(name string, version uint32) *xmltree.Node {
	return xmltree.New(diffSpace, name, "", xmltree.Attr{Name: "entity", Value: d.Entity}, xmltree.Attr{Name: "version", Value: strconv.FormatUint(uint64(version), 10)})
}

// AppendDiff writes what somebody does not know yet who knows old (RFC 5262 §3.2). ok is false
// where that can't be said by the elements' ids: then everything has to be told. Equal documents
// have an empty difference.
func (d *Document) AppendDiff(dst []byte, old *Document, version uint32) (text []byte, ok bool) {
	if d.Entity != old.Entity || !equal(d.Notes, old.Notes) || !equal(d.Others, old.Others) {
		return dst, false
	}
	diff := d.root("pidf-diff", version)
	ok = change(diff, old.Tuples, d.Tuples, true) && change(diff, old.Persons, d.Persons, false) && change(diff, old.Devices, d.Devices, false)
	if !ok {
		return dst, false
	}
	for _, op := range diff.Children {
		if strings.Contains(op.Attr("sel"), ":") { // the prefix has to be known
			return diff.AppendIn(dst, Space, model), true
		}
	}
	return diff.AppendIn(dst, Space), true
}

func equal(a, b []*xmltree.Node) bool { return slices.EqualFunc(a, b, (*xmltree.Node).Equal) }

// change adds to diff what makes b of a: elements of one name, each with an id. first: new ones
// stand before all others in the document, as the schema wants tuples.
func change(diff *xmltree.Node, a, b []*xmltree.Node, first bool) bool {
	was, is := byID(a), byID(b)
	if was == nil || is == nil {
		return false
	}
	for _, n := range a {
		if is[n.Attr("id")] == nil {
			diff.Add(operation("remove", n))
		}
	}
	for _, n := range b {
		switch old := was[n.Attr("id")]; {
		case old == nil:
			add := xmltree.New(diffSpace, "add", "", xmltree.Attr{Name: "sel", Value: "*"})
			if first {
				add.Set("pos", "prepend")
			}
			diff.Add(add.Add(n))
		case !old.Equal(n):
			diff.Add(operation("replace", n).Add(n))
		}
	}
	return true
}

// operation is about an element: the selector's names are in the default namespace of the document
// where they have no prefix (RFC 5261 §4.2.2).
func operation(name string, n *xmltree.Node) *xmltree.Node {
	prefix := ""
	if n.Space != Space {
		prefix = xmltree.Prefix(n.Space)
	}
	return xmltree.New(diffSpace, name, "", xmltree.Attr{Name: "sel", Value: "*/" + prefix + n.Name + "[@id='" + n.Attr("id") + "']"})
}

// byID are elements by their ids; nil if not each has one of its own that a selector can name.
func byID(list []*xmltree.Node) map[string]*xmltree.Node {
	by := make(map[string]*xmltree.Node, len(list))
	for _, n := range list {
		id := n.Attr("id")
		if id == "" || by[id] != nil || strings.ContainsAny(id, "'\"<>&") {
			return nil
		}
		by[id] = n
	}
	return by
}
