package xmltree

// This file writes documents.

import (
	"bytes"
	"encoding/xml"
	"strconv"
)

// xmlSpace is the namespace of xml:lang, which needs no declaration.
const xmlSpace = "http://www.w3.org/XML/1998/namespace"

// prefixes are those that people know their namespaces by.
var prefixes = map[string]string{
	"urn:ietf:params:xml:ns:pidf:data-model":         "dm",
	"urn:ietf:params:xml:ns:pidf:rpid":               "rpid",
	"urn:ietf:params:xml:ns:pidf:cipid":              "c",
	"urn:ietf:params:xml:ns:pidf:caps":               "caps",
	"urn:ietf:params:xml:ns:pidf:geopriv10":          "gp",
	"urn:ietf:params:xml:ns:pidf:timed-status":       "ts",
	"urn:ietf:params:xml:ns:pidf-diff":               "p",
	"http://www.w3.org/2001/XMLSchema-instance":      "xsi",
	"urn:ietf:params:xml:ns:dialog-info":             "di",
	"urn:ietf:params:xml:ns:sa-dialog-info":          "sa",
	"urn:ietf:params:xml:ns:pidf":                    "pidf",
	"urn:ietf:params:xml:ns:rlmi":                    "rlmi",
	"urn:ietf:params:xml:ns:watcherinfo":             "wi",
	"http://counterpath.com/pidf/im":                 "im",
	"urn:ietf:params:xml:ns:pidf:rpid:status-icon":   "icon",
	"urn:ietf:params:xml:ns:pidf:servcaps:extension": "sc",
}

// Append writes n as a document. Texts may contain anything: characters that XML does not have
// become U+FFFD.
func (n *Node) Append(dst []byte) []byte { return n.AppendIn(dst, n.Space) }

// AppendIn is Append with another namespace as the default one than that of n, and with further
// ones declared, which texts name by Prefix.
func (n *Node) AppendIn(dst []byte, space string, others ...string) []byte {
	w := writer{Buffer: bytes.NewBuffer(dst), known: map[string]string{space: "", "": "", xmlSpace: "xml:"}}
	for _, o := range others {
		w.know(o)
	}
	w.collect(n)
	w.raw(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<" + w.known[n.Space] + n.Name)
	if space != "" {
		w.attribute("xmlns", space)
	}
	for _, space := range w.spaces {
		name := w.known[space]
		w.attribute("xmlns:"+name[:len(name)-1], space)
	}
	w.rest(n)
	w.raw("\n")
	return w.Bytes()
}

// Prefix is by which AppendIn knows a namespace, with ":"; "" for one without a fixed prefix.
func Prefix(space string) string {
	if p := prefixes[space]; p != "" {
		return p + ":"
	}
	return ""
}

type writer struct {
	*bytes.Buffer
	known  map[string]string // namespace: its prefix, with ":"
	spaces []string          // those to declare
}

// collect finds a prefix for each namespace.
func (w *writer) collect(n *Node) {
	w.know(n.Space)
	for _, a := range n.Attrs {
		w.know(a.Space)
	}
	for _, c := range n.Children {
		w.collect(c)
	}
}

func (w *writer) know(space string) {
	if _, ok := w.known[space]; ok {
		return
	}
	prefix := prefixes[space]
	if prefix == "" {
		prefix = "n" + strconv.Itoa(len(w.spaces)+1)
	}
	w.known[space] = prefix + ":"
	w.spaces = append(w.spaces, space)
}

func (w *writer) raw(s string) { w.WriteString(s) }

func (w *writer) text(s string) { _ = xml.EscapeText(w.Buffer, []byte(s)) } // a Buffer never fails

func (w *writer) attribute(name, value string) {
	w.raw(" " + name + `="`)
	w.text(value)
	w.raw(`"`)
}

func (w *writer) node(n *Node) {
	if n.Name == "" {
		w.text(n.Text)
		return
	}
	w.raw("<" + w.known[n.Space] + n.Name)
	w.rest(n)
}

// rest is an element after its name.
func (w *writer) rest(n *Node) {
	for _, a := range n.Attrs {
		w.attribute(w.known[a.Space]+a.Name, a.Value)
	}
	if len(n.Children) == 0 {
		w.raw("/>")
		return
	}
	w.raw(">")
	for _, c := range n.Children {
		w.node(c)
	}
	name := w.known[n.Space] + n.Name
	w.raw("</" + name + ">")
}
