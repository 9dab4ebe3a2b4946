package regevent

// This file reads reginfo documents strictly: what RFC 3680 §5.4's schema demands, each test gets
// checked.

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// info is a document as a subscriber reads it.
type info struct {
	version       int
	full          bool
	aor, id       string
	state         string
	contacts      []contactInfo
	declaresGRUUs bool
}

type contactInfo struct {
	attributes map[string]string
	uri        string
	display    string
	params     map[string]string
	pub, temp  string
	firstCSeq  string
}

// String is the short form tests compare: "sip:joe@pc active registered".
func (c *contactInfo) String() string {
	return c.uri + " " + c.attributes["state"] + " " + c.attributes["event"]
}

// String is "0 full active [...]".
func (d *info) String() string {
	extent := "partial"
	if d.full {
		extent = "full"
	}
	list := make([]string, len(d.contacts))
	for i := range d.contacts {
		list[i] = d.contacts[i].String()
	}
	return fmt.Sprintf("%d %s %s [%s]", d.version, extent, d.state, strings.Join(list, ", "))
}

type node struct {
	name     xml.Name
	attr     map[string]string
	text     string
	children []*node
}

// parseXML reads one element and all in it; there may be nothing after it.
func parseXML(body []byte) (*node, error) {
	d := xml.NewDecoder(strings.NewReader(string(body)))
	var stack []*node
	var root *node
	for {
		t, err := d.Token()
		if err == io.EOF && root != nil && len(stack) == 0 {
			return root, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			n := &node{name: t.Name, attr: map[string]string{}}
			for _, a := range t.Attr {
				key := a.Name.Local
				if a.Name.Space != "" {
					key = a.Name.Space + ":" + key
				}
				if _, twice := n.attr[key]; twice {
					return nil, fmt.Errorf("attribute %s twice", key)
				}
				n.attr[key] = a.Value
			}
			if len(stack) > 0 {
				top := stack[len(stack)-1]
				top.children = append(top.children, n)
			} else if root != nil {
				return nil, errors.New("two roots")
			} else {
				root = n
			}
			stack = append(stack, n)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].text += string(t)
			}
		}
	}
}

// readInfo checks a document against the schema, and the rules of §4.6 about states and events.
func readInfo(body []byte) (*info, error) {
	root, err := parseXML(body)
	if err != nil {
		return nil, err
	}
	if root.name != (xml.Name{Space: namespace, Local: "reginfo"}) || len(root.children) != 1 {
		return nil, fmt.Errorf("root %v with %d children", root.name, len(root.children))
	}
	d := &info{full: root.attr["state"] == "full"}
	_, d.declaresGRUUs = root.attr["xmlns:gr"]
	if d.version, err = strconv.Atoi(root.attr["version"]); err != nil || d.version < 0 {
		return nil, fmt.Errorf("version %q", root.attr["version"])
	}
	if !d.full && root.attr["state"] != "partial" {
		return nil, fmt.Errorf("state %q", root.attr["state"])
	}
	r := root.children[0]
	if r.name != (xml.Name{Space: namespace, Local: "registration"}) {
		return nil, fmt.Errorf("a %v in reginfo", r.name)
	}
	d.aor, d.id, d.state = r.attr["aor"], r.attr["id"], r.attr["state"]
	if d.aor == "" || d.id == "" || !slices.Contains([]string{stateInit, stateActive, stateTerminated}, d.state) {
		return nil, fmt.Errorf("registration %v", r.attr)
	}
	ids := map[string]bool{d.id: true}
	active := 0
	for _, n := range r.children {
		c, err := readContact(n)
		if err != nil {
			return nil, err
		}
		if ids[c.attributes["id"]] {
			return nil, fmt.Errorf("id %s twice", c.attributes["id"])
		}
		ids[c.attributes["id"]] = true
		if c.attributes["state"] == stateActive {
			active++
		}
		if c.pub+c.temp != "" && !d.declaresGRUUs {
			return nil, errors.New("a GRUU without its namespace")
		}
		d.contacts = append(d.contacts, *c)
	}
	if active > 0 && d.state != stateActive || d.state == stateInit && len(d.contacts) > 0 {
		return nil, fmt.Errorf("registration is %s with %d active contacts of %d", d.state, active, len(d.contacts))
	}
	return d, nil
}

// events are those a contact may have in each state (§4.6.2).
var events = map[string][]Event{
	stateActive:     {Registered, Created, Refreshed, Shortened},
	stateTerminated: {Expired, Deactivated, Probation, Unregistered, Rejected},
}

func readContact(n *node) (*contactInfo, error) {
	c := &contactInfo{attributes: n.attr, params: map[string]string{}}
	if n.name != (xml.Name{Space: namespace, Local: "contact"}) || n.attr["id"] == "" ||
		!slices.Contains(events[n.attr["state"]], Event(n.attr["event"])) {
		return nil, fmt.Errorf("contact %v %v", n.name, n.attr)
	}
	for name, value := range n.attr {
		switch name {
		case "expires", "duration-registered", "retry-after", "cseq":
			if _, err := strconv.ParseUint(value, 10, 63); err != nil {
				return nil, fmt.Errorf("%s=%q", name, value)
			}
		case "q":
			if q, err := strconv.ParseFloat(value, 64); err != nil || q < 0 || q > 1 {
				return nil, fmt.Errorf("q=%q", value)
			}
		case "id", "state", "event", "callid":
		default:
			return nil, fmt.Errorf("attribute %s", name)
		}
	}
	// The sequence is uri, display-name?, unknown-param*, others*.
	rank := 0
	for i, e := range n.children {
		at := 0
		switch {
		case e.name.Space == namespace && e.name.Local == "uri":
			at, c.uri = 1, e.text
		case e.name.Space == namespace && e.name.Local == "display-name":
			at, c.display = 2, e.text
		case e.name.Space == namespace && e.name.Local == "unknown-param":
			at, c.params[e.attr["name"]] = 3, e.text
		case e.name.Space == namespaceGRUU && e.name.Local == "pub-gruu":
			at, c.pub = 4, e.attr["uri"]
		case e.name.Space == namespaceGRUU && e.name.Local == "temp-gruu":
			at, c.temp, c.firstCSeq = 4, e.attr["uri"], e.attr["first-cseq"]
		default:
			return nil, fmt.Errorf("a %v in contact", e.name)
		}
		if at < rank || at == rank && at < 3 || (i == 0) != (at == 1) {
			return nil, fmt.Errorf("%s out of order", e.name.Local)
		}
		rank = at
	}
	if c.uri == "" || c.temp != "" && c.firstCSeq == "" {
		return nil, fmt.Errorf("contact without uri or first-cseq: %+v", c)
	}
	return c, nil
}
