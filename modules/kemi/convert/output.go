package convert

// The new script's lines.

import (
	"strings"
)

// width is how long lines may be; indent is what a block is indented by.
const (
	width  = 100
	indent = "  "
)

// node is a statement of the new script.
type node struct {
	lead  []string // comments before it
	blank bool     // a blank line before it
	head  string   // "x = 1", or "if x then"
	trail string   // a comment behind it
	block bool     // body, more and tail count
	body  []node
	more  []clause // elseif, else
	tail  string   // "end"
	ends  bool     // what follows is not reached
	calls string   // "req:reply(…)": it decides the request, and may be returned
}

// clause is a further part of a statement with parts.
type clause struct {
	head string
	body []node
}

type writer struct{ lines []string }

func (w *writer) line(depth int, text string) {
	if text == "" {
		w.lines = append(w.lines, "")
		return
	}
	w.lines = append(w.lines, strings.Repeat(indent, depth)+text)
}

// nodes writes statements. There is no blank line at the beginning of a block.
func (w *writer) nodes(list []node, depth int) {
	for i, n := range list {
		n = n.lifted(width - depth*len(indent))
		if n.blank && (i > 0 || depth == 0) && len(w.lines) > 0 && w.lines[len(w.lines)-1] != "" {
			w.line(0, "")
		}
		for _, c := range n.lead {
			for l := range strings.SplitSeq(c, "\n") {
				w.comment(depth, l)
			}
		}
		w.node(n, depth)
	}
}

// comment writes one line of a comment. Those of a long one after its first stay where they were.
func (w *writer) comment(depth int, text string) {
	if !strings.HasPrefix(text, "--") {
		w.lines = append(w.lines, text)
		return
	}
	w.line(depth, text)
}

func (w *writer) node(n node, depth int) {
	if n.head == "" && !n.block {
		return
	}
	if !n.block {
		w.statement(n.head, n.trail, depth)
		return
	}
	if s := n.short(); s != "" && len(s)+len(n.trail)+1+depth*len(indent) <= width {
		w.line(depth, strings.TrimSpace(s+" "+n.trail))
		return
	}
	w.statement(n.head, n.trail, depth)
	w.nodes(n.body, depth+1)
	for _, c := range n.more {
		w.statement(c.head, "", depth)
		w.nodes(c.body, depth+1)
	}
	w.line(depth, n.tail)
}

// short is a statement with parts on one line, "" if it has to have several.
func (n node) short() string {
	body := n.body
	if len(n.more) > 1 || len(body) != 1 || !body[0].simple() {
		return ""
	}
	s := n.head + " " + body[0].head
	for _, c := range n.more {
		if len(c.body) != 1 || !c.body[0].simple() {
			return ""
		}
		s += " " + c.head + " " + c.body[0].head
	}
	return s + " " + n.tail
}

// lifted has the comments within an if of one statement stand before it, where the rest fits on one
// line. The lead of a node is written by who calls.
func (n node) lifted(room int) node {
	if len(n.body) != 1 || len(n.more) > 0 || len(n.body[0].lead) == 0 || !strings.HasPrefix(n.head, "if ") {
		return n
	}
	inner := n.body[0]
	inner.lead = nil
	o := n
	o.body = []node{inner}
	if s := o.short(); s == "" || len(s) > room {
		return n
	}
	o.lead = append(append([]string{}, n.lead...), n.body[0].lead...)
	return o
}

func (n node) simple() bool {
	return !n.block && len(n.lead) == 0 && n.trail == "" && n.head != "" && !strings.Contains(n.head, "\n")
}

// statement writes a line, broken at operators where it is too long.
func (w *writer) statement(text, trail string, depth int) {
	if trail != "" {
		trail = " " + trail
	}
	if strings.Contains(text, "\n") { // a function within
		for i, l := range strings.Split(text, "\n") {
			if i == strings.Count(text, "\n") {
				l += trail
			}
			w.line(depth, l)
		}
		return
	}
	room := width - depth*len(indent)
	for len(text) > room {
		at := breakAt(text, room)
		for more := room; at <= 0 && more < len(text); more += 10 {
			at = breakAt(text, more)
		}
		if at <= 0 {
			break
		}
		w.line(depth, text[:at])
		text = strings.Repeat(indent, 2) + strings.TrimLeft(text[at:], " ")
	}
	w.line(depth, text+trail)
}

// breakAt is the last place before room at which a line may be broken: after a comma, or before an
// operator, outside of texts; 0 if there is none.
func breakAt(text string, room int) int {
	best, quotes := 0, false
	start := len(text) - len(strings.TrimLeft(text, " "))
	for i := start; i < len(text) && i < room; i++ {
		switch c := text[i]; {
		case c == '\\' && quotes:
			i++
		case c == '"':
			quotes = !quotes
		case quotes:
		case c == ' ' && i > start+12:
			rest := text[i:]
			if strings.HasPrefix(rest, " .. ") || strings.HasPrefix(rest, " and ") || strings.HasPrefix(rest, " or ") || text[i-1] == ',' {
				best = i
			}
		}
	}
	return best
}

// wrapped is a comment in lines.
func wrapped(prefix, text string, depth int) []string {
	var lines []string
	line := prefix
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > width-depth*len(indent) && line != prefix && line != "--" {
			lines = append(lines, line)
			line = "--  "
		}
		line += " " + word
	}
	return append(lines, line)
}
