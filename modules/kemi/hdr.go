package kemi

// KSR.hdr, KSR.textops, KSR.textopsx: headers and bodies. A change is kept until the message goes
// on, or msg_apply_changes: until then it cannot be read, as there.

import (
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/kemi/pv"
)

// editKind is what an edit does.
type editKind uint8

const (
	editAppend editKind = iota
	editInsert
	editRemove
	editBody
)

// edit is a change of a header, or of the body.
type edit struct {
	kind  editKind
	name  string
	value string
}

// maxEdits bounds the changes of one message.
const maxEdits = 500

func headerRows() []Row {
	return []Row{
		{Name: "hdr.append", Params: "s", Result: "int", Does: "adds a header after the last", Differs: differsLine, call: func(k *call) int { return k.addHeader(editAppend, 1) }},
		{Name: "hdr.insert", Params: "s", Result: "int", Does: "adds a header before the others of its name", Differs: differsLine + "; it is not put above Via",
			call: func(k *call) int { return k.addHeader(editInsert, 1) }},
		{Name: "hdr.append_after", Params: "ss", Result: "int", Does: "adds a header after the last", Differs: differsLine + "; the place is not that of the header named", call: func(k *call) int { return k.addHeader(editAppend, 1) }},
		{Name: "hdr.insert_before", Params: "ss", Result: "int", Does: "adds a header before the others of its name", Differs: differsLine + "; the place is not that of the header named",
			call: func(k *call) int { return k.addHeader(editInsert, 1) }},
		{Name: "hdr.rmappend", Params: "ss", Result: "int", Does: "removes a header and adds another", Differs: differsLine, call: func(k *call) int {
			k.edit(edit{kind: editRemove, name: k.str(1)})
			return k.addHeader(editAppend, 2)
		}},
		{Name: "hdr.rminsert", Params: "ss", Result: "int", Does: "removes a header and adds another", Differs: differsLine, call: func(k *call) int {
			k.edit(edit{kind: editRemove, name: k.str(1)})
			return k.addHeader(editInsert, 2)
		}},
		{Name: "hdr.append_to_reply", Params: "s", Result: "int", Does: "adds a header to the answers of this server", call: appendToReply},
		{Name: "hdr.remove", Params: "s", Result: "int", Does: "removes all headers of a name", Differs: "headers that routing depends on, except Route, stay: Via, From, To, Call-ID, CSeq, Record-Route, Max-Forwards",
			call: func(k *call) int { k.edit(edit{kind: editRemove, name: k.str(1)}); return k.num(1) }},
		{Name: "hdr.get", Params: "s", Result: "xval", Does: "the first header of a name", call: func(k *call) int { return k.push(k.header(0)) }},
		{Name: "hdr.gete", Params: "s", Result: "xval", Does: `as get, "" for none`, call: func(k *call) int { return k.push(or(k.header(0), "")) }},
		{Name: "hdr.getw", Params: "s", Result: "xval", Does: `as get, "<null>" for none`, call: func(k *call) int { return k.push(or(k.header(0), "<null>")) }},
		{Name: "hdr.get_idx", Params: "si", Result: "xval", Does: "a header by its index, negative from the end", call: func(k *call) int { return k.push(k.header(k.int(2))) }},
		{Name: "hdr.gete_idx", Params: "si", Result: "xval", Does: `as get_idx, "" for none`, call: func(k *call) int { return k.push(or(k.header(k.int(2)), "")) }},
		{Name: "hdr.getw_idx", Params: "si", Result: "xval", Does: `as get_idx, "<null>" for none`, call: func(k *call) int { return k.push(or(k.header(k.int(2)), "<null>")) }},
		{Name: "hdr.is_present", Params: "s", Result: "int", Does: "whether a header is there", call: func(k *call) int { return k.is(k.str(1) != "" && k.message().FindName(k.str(1), 0) >= 0) }},
		{Name: "hdr.match_content", Params: "ssss", Result: "bool", Does: "compares a header's value: eq ne sw in; f first, l last, a all, o one of them", call: matchContent},
		{Name: "textopsx.msg_apply_changes", Result: "int", Does: "carries out the changes of headers and body", Differs: "works after record_route too", call: func(k *call) int { k.apply(); return k.num(1) }},
		{Name: "textops.remove_hf", Params: "s", Result: "int", Does: "as hdr.remove", call: func(k *call) int { k.edit(edit{kind: editRemove, name: k.str(1)}); return k.num(1) }},
		{Name: "textops.is_present_hf", Params: "s", Result: "int", Does: "as hdr.is_present", call: func(k *call) int { return k.is(k.str(1) != "" && k.message().FindName(k.str(1), 0) >= 0) }},
		{Name: "textops.has_body", Result: "int", Does: "whether there is a body", call: func(k *call) int { return k.is(len(k.message().Body()) > 0) }},
		{Name: "textops.has_body_type", Params: "s", Result: "int", Does: "whether there is a body of a type", call: func(k *call) int {
			m := k.message()
			return k.is(len(m.Body()) > 0 && message.IsMediaType(m.Header(message.HeaderContentType), k.str(1)))
		}},
		{Name: "textops.set_body", Params: "ss", Result: "int", Does: "replaces body and type", call: func(k *call) int {
			k.edit(edit{kind: editBody, name: k.str(2), value: k.str(1)})
			return k.num(1)
		}},
		{Name: "textops.cmp_str", Params: "ss", Result: "int", Does: "compares texts", call: func(k *call) int { return k.is(k.str(1) == k.str(2)) }},
		{Name: "textops.cmp_istr", Params: "ss", Result: "int", Does: "compares texts without case", call: func(k *call) int { return k.is(strings.EqualFold(k.str(1), k.str(2))) }},
		{Name: "textops.starts_with", Params: "ss", Result: "int", Does: "whether a text begins with another; -2 if not", call: func(k *call) int { return k.num(orMinusTwo(strings.HasPrefix(k.str(1), k.str(2)))) }},
		{Name: "textops.ends_with", Params: "ss", Result: "int", Does: "whether a text ends with another; -2 if not", call: func(k *call) int { return k.num(orMinusTwo(strings.HasSuffix(k.str(1), k.str(2)))) }},
	}
}

const differsLine = "the header is always a line of its own; one that is malformed, or that routing depends on, is refused with -1"

func orMinusTwo(b bool) int {
	if b {
		return 1
	}
	return -2
}

// header is the i-th header of the name that the first argument is.
func (k *call) header(i int) pv.Value {
	name := k.str(1)
	if name == "" {
		k.log("it names no header")
		return pv.Value{}
	}
	if i == 0 {
		return bytesValue(k.message().HeaderName(name))
	}
	return k.headerValue(&pv.Var{Arg: name, Has: pv.At, Index: i})
}

// lines are the headers in a text, one or more lines; false if one is malformed.
func lines(text string) (list []engine.HeaderEdit, ok bool) {
	for line := range strings.SplitSeq(strings.TrimRight(text, "\r\n"), "\n") {
		line = strings.TrimRight(line, "\r")
		name, value, found := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); !found || !message.IsToken([]byte(name)) || strings.ContainsAny(value, "\r\x00") {
			return nil, false
		}
		list = append(list, engine.HeaderEdit{Name: name, Values: []string{strings.TrimSpace(value)}})
	}
	return list, true
}

// engines are headers that the engine writes itself.
func engines(name string) bool {
	switch message.LookupHeader([]byte(name)) {
	case message.HeaderVia, message.HeaderFrom, message.HeaderTo, message.HeaderCallID, message.HeaderCSeq, message.HeaderRecordRoute, message.HeaderMaxForwards,
		message.HeaderContentLength, message.HeaderRoute:
		return true
	}
	return false
}

// addHeader notes the headers that an argument has. A header of the engine is refused.
func (k *call) addHeader(kind editKind, n int) int {
	text, given := k.text(n)
	if !given {
		return k.num(-1)
	}
	if text == "" {
		return k.num(1)
	}
	list, ok := lines(text)
	if !ok {
		k.log("it is not a header: " + text)
		return k.num(-1)
	}
	for _, h := range list {
		if engines(h.Name) {
			k.log(h.Name + " is written by the server itself")
			return k.num(-1)
		}
	}
	for _, h := range list {
		k.edit(edit{kind: kind, name: h.Name, value: h.Values[0]})
	}
	return k.num(1)
}

// edit notes a change of the message of the frame.
func (k *call) edit(e edit) {
	if k.f.quiet {
		return
	}
	if e.kind == editRemove && engines(e.name) {
		if message.LookupHeader([]byte(e.name)) == message.HeaderRoute {
			k.s.noRoutes = true
		} else {
			k.log(e.name + " is written by the server itself, and stays")
		}
		return
	}
	list := &k.s.edits
	if k.f.kind == inBranch || k.f.kind == inReply {
		list = &k.f.edits
	}
	if len(*list) < maxEdits {
		*list = append(*list, e)
	}
}

// apply carries out the changes.
func (k *call) apply() {
	switch k.f.kind {
	case inBranch:
		k.carryOut(k.f.branch, k.f.edits)
		k.f.edits = nil
	case inReply:
		k.carryOut(k.f.res, k.f.edits)
		k.f.edits = nil
	default:
		k.carryOut(k.s.req, k.s.edits)
		k.s.edits = nil
	}
}

func (k *call) carryOut(m luabind.Editable, edits []edit) {
	for _, e := range edits {
		var err error
		switch e.kind {
		case editRemove:
			err = m.RemoveHeader(e.name)
		case editBody:
			err = m.SetBody([]byte(e.value), e.name)
		default:
			err = m.AddHeader(e.name, e.value, e.kind == editInsert)
		}
		if err != nil {
			k.sh.module.log.Error("a change of a header is not possible", "error", err)
		}
	}
}

func appendToReply(k *call) int {
	text, given := k.text(1)
	list, ok := lines(text)
	if !given || !ok || len(k.s.answers) >= maxEdits {
		return k.num(-1)
	}
	for _, h := range list {
		if engines(h.Name) {
			k.log(h.Name + " is written by the server itself")
			return k.num(-1)
		}
	}
	k.s.answers = append(k.s.answers, list...)
	return k.num(1)
}

// matchContent is hdr.match_content(name, op, value, which).
func matchContent(k *call) int {
	m, name, op, want, which := k.message(), k.str(1), k.str(2), strings.ToLower(k.str(3)), k.str(4)
	var list []bool
	for i := m.FindName(name, 0); i >= 0; i = m.FindName(name, i+1) {
		got := strings.ToLower(strings.TrimSpace(string(m.Value(i))))
		hit := false
		switch op {
		case "eq":
			hit = got == want
		case "ne":
			hit = got != want
		case "sw":
			hit = strings.HasPrefix(got, want)
		case "in":
			hit = strings.Contains(got, want)
		default:
			k.log("there is no comparison " + op + ": eq, ne, sw and in")
			return k.bool(false)
		}
		list = append(list, hit)
	}
	if len(list) == 0 {
		return k.bool(false)
	}
	switch which {
	case "l":
		return k.bool(list[len(list)-1])
	case "a", "o":
		for _, hit := range list {
			if hit != (which == "a") {
				return k.bool(hit)
			}
		}
		return k.bool(which == "a")
	}
	return k.bool(list[0])
}
