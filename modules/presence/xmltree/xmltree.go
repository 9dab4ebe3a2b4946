// Package xmltree reads XML that strangers send, within bounds, and writes it again: the documents
// of presence, which are merged from those of several senders.
//
// A document type, and with it every entity beyond XML's own five, is refused; comments and
// processing instructions are dropped. What is written has its namespaces declared on the root, so
// elements of different documents can be put together.
package xmltree

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Bounds on what is read.
const (
	MaxSize  = 64 << 10 // bytes of a document
	maxDepth = 24       // elements within each other
	maxNodes = 4000     // elements and texts
	maxAttrs = 32       // of one element
)

// Node is an element, or a text if it has no Name.
type Node struct {
	Space, Name string  // the namespace's URI, and the name in it
	Attrs       []Attr  // without declarations of namespaces
	Children    []*Node // elements and texts, in their order
	Text        string  // of a text
}

// Attr is an attribute. Space is "" for most.
type Attr struct{ Space, Name, Value string }

// ErrDocType refuses a document that defines its own language.
var ErrDocType = errors.New("xml: a document type is not accepted")

// Parse reads a document.
func Parse(text []byte) (*Node, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("xml: more than %d bytes", MaxSize)
	}
	d := xml.NewDecoder(bytes.NewReader(text))
	var root *Node
	var open []*Node
	nodes := 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("xml: %w", err)
		}
		if nodes++; nodes > 2*maxNodes {
			return nil, errors.New("xml: too many elements")
		}
		switch token := token.(type) {
		case xml.Directive:
			return nil, ErrDocType
		case xml.StartElement:
			n, err := element(token)
			if err != nil {
				return nil, err
			}
			switch {
			case len(open) >= maxDepth:
				return nil, errors.New("xml: nested too deeply")
			case len(open) > 0:
				parent := open[len(open)-1]
				parent.Children = append(parent.Children, n)
			case root != nil:
				return nil, errors.New("xml: more than one root element")
			default:
				root = n
			}
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].say(token)
			}
		}
	}
	if root == nil {
		return nil, errors.New("xml: there is no element")
	}
	return root, nil
}

// say adds a text to what n has; between elements, blanks mean nothing.
func (n *Node) say(text []byte) {
	if last := len(n.Children) - 1; last >= 0 && n.Children[last].Name == "" {
		n.Children[last].Text += string(text)
	} else if len(bytes.TrimSpace(text)) > 0 {
		n.Children = append(n.Children, &Node{Text: string(text)})
	}
}

func element(t xml.StartElement) (*Node, error) {
	if len(t.Attr) > maxAttrs {
		return nil, errors.New("xml: too many attributes")
	}
	n := &Node{Space: t.Name.Space, Name: t.Name.Local}
	for _, a := range t.Attr {
		if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
			continue
		}
		n.Attrs = append(n.Attrs, Attr{a.Name.Space, a.Name.Local, a.Value})
	}
	return n, nil
}

// New makes an element with a text in it, none for "".
func New(space, name, text string, attrs ...Attr) *Node {
	n := &Node{Space: space, Name: name, Attrs: attrs}
	if text != "" {
		n.Children = []*Node{{Text: text}}
	}
	return n
}

// Add appends elements, and returns n.
func (n *Node) Add(children ...*Node) *Node {
	n.Children = append(n.Children, children...)
	return n
}

// Attr is the value of an attribute without a namespace, "" for none.
func (n *Node) Attr(name string) string {
	for _, a := range n.Attrs {
		if a.Space == "" && a.Name == name {
			return a.Value
		}
	}
	return ""
}

// Set sets an attribute without a namespace.
func (n *Node) Set(name, value string) {
	for i := range n.Attrs {
		if a := &n.Attrs[i]; a.Space == "" && a.Name == name {
			a.Value = value
			return
		}
	}
	n.Attrs = append(n.Attrs, Attr{Name: name, Value: value})
}

// Is reports whether n is an element of that name.
func (n *Node) Is(space, name string) bool { return n.Name == name && n.Space == space }

// Child is the first element of a name in n, or nil.
func (n *Node) Child(space, name string) *Node {
	for _, c := range n.Children {
		if c.Is(space, name) {
			return c
		}
	}
	return nil
}

// Content is the text directly in n, trimmed.
func (n *Node) Content() string {
	if n == nil {
		return ""
	}
	text := ""
	for _, c := range n.Children {
		if c.Name == "" {
			text += c.Text
		}
	}
	return strings.TrimSpace(text)
}

// Equal reports whether two nodes say the same.
func (n *Node) Equal(o *Node) bool {
	if n.Space != o.Space || n.Name != o.Name || n.Text != o.Text || len(n.Attrs) != len(o.Attrs) || len(n.Children) != len(o.Children) {
		return false
	}
	for i := range n.Attrs {
		if n.Attrs[i] != o.Attrs[i] {
			return false
		}
	}
	for i := range n.Children {
		if !n.Children[i].Equal(o.Children[i]) {
			return false
		}
	}
	return true
}
