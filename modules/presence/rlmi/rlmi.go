// Package rlmi is the document of a list of resources: application/rlmi+xml with the documents of
// its members, in one multipart/related body (RFC 4662 §5).
package rlmi

import (
	"fmt"
	"strconv"

	"github.com/sipscript/sipscript/modules/presence/xmltree"
)

// Type is that of the list, Multipart that of the body it comes in.
const (
	Type      = "application/rlmi+xml"
	Multipart = "multipart/related"
)

const space = "urn:ietf:params:xml:ns:rlmi"

// Member is one resource of a list.
type Member struct {
	URI    string // its address
	State  string // "active", "pending", "terminated"
	Reason string // why it is terminated, "" for the others
	Type   string // of its Body
	Body   []byte // nil: nothing is told of it
}

// Document is the state of a list.
type Document struct {
	URI     string   // the list's
	Version uint32   // rises by one with each document of a subscription
	Full    bool     // all members are there
	Members []Member // in the order of the list
}

// Append writes the body; boundary is a text that is in no member's. It returns the Content-Type.
func (d *Document) Append(dst []byte, boundary string) (body []byte, contentType string) {
	list := xmltree.New(space, "list", "", xmltree.Attr{Name: "uri", Value: d.URI}, xmltree.Attr{Name: "version", Value: strconv.FormatUint(uint64(d.Version), 10)},
		xmltree.Attr{Name: "fullState", Value: strconv.FormatBool(d.Full)})
	for i := range d.Members {
		m := &d.Members[i]
		instance := xmltree.New(space, "instance", "", xmltree.Attr{Name: "id", Value: "1"}, xmltree.Attr{Name: "state", Value: m.State})
		if m.Reason != "" {
			instance.Set("reason", m.Reason)
		}
		if m.Body != nil {
			instance.Set("cid", cid(i, boundary))
		}
		list.Add(xmltree.New(space, "resource", "", xmltree.Attr{Name: "uri", Value: m.URI}).Add(instance))
	}
	root := "root@" + boundary
	body = part(dst, boundary, root, Type+`;charset="UTF-8"`, list.Append(nil))
	for i := range d.Members {
		if m := &d.Members[i]; m.Body != nil {
			body = part(body, boundary, cid(i, boundary), m.Type, m.Body)
		}
	}
	return fmt.Appendf(body, "--%s--\r\n", boundary), fmt.Sprintf(`%s;type="%s";start="<%s>";boundary="%s"`, Multipart, Type, root, boundary)
}

// cid names the part of the i-th member.
func cid(i int, boundary string) string { return "m" + strconv.Itoa(i) + "@" + boundary }

func part(dst []byte, boundary, id, contentType string, body []byte) []byte {
	dst = fmt.Appendf(dst, "--%s\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <%s>\r\nContent-Type: %s\r\n\r\n", boundary, id, contentType)
	return append(append(dst, body...), "\r\n"...)
}
