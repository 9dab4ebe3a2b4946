package pidf

import (
	"strings"
	"testing"

	"github.com/sipscript/sipscript/modules/presence/xmltree"
)

const spaces = `<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="pres:bob@example.com">`

// parseSpaces reads a document whose elements may be of the namespaces of presence.
func parseSpaces(t *testing.T, body string) *Document {
	t.Helper()
	d, err := Parse([]byte(spaces + body + `</presence>`))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func person(id, activity string) string {
	return `<dm:person id="` + id + `"><rpid:activities><rpid:` + activity + `/></rpid:activities></dm:person>`
}

// What is told, and that who applies it has the new document.
func TestAppendDiff(t *testing.T) {
	for _, x := range []struct {
		name, old, new string
		want           string // "": everything has to be told
	}{
		{"changed", tuple("a", "open") + tuple("b", "open"), tuple("a", "closed") + tuple("b", "open"), `<p:replace sel="*/tuple[@id='a']">` + tuple("a", "closed") + `</p:replace>`},
		{"gone", tuple("a", "open") + tuple("b", "open"), tuple("b", "open"), `<p:remove sel="*/tuple[@id='a']"/>`},
		{"new", tuple("a", "open") + person("p", "busy"), tuple("b", "open") + tuple("a", "open") + person("p", "busy"), `<p:add sel="*" pos="prepend">` + tuple("b", "open") + `</p:add>`},
		{"a person", tuple("a", "open") + person("p", "busy"), tuple("a", "open") + person("p", "away"), `<p:replace sel="*/dm:person[@id='p']">` + person("p", "away") + `</p:replace>`},
		{"another person", tuple("a", "open"), tuple("a", "open") + person("p", "away"), `<p:add sel="*">` + person("p", "away") + `</p:add>`},
		{"no change", tuple("a", "open"), tuple("a", "open"), `version="7"/>`},
		{"notes", tuple("a", "open") + `<note>x</note>`, tuple("a", "open") + `<note>y</note>`, ""},
		{"other elements", tuple("a", "open"), tuple("a", "open") + `<x xmlns="urn:x"/>`, ""},
		{"an id with a quote", tuple("a'] | *[@id='b", "open"), tuple("a'] | *[@id='b", "closed"), ""},
		{"a person without id", person("", "busy"), person("", "away"), ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			old, now := parseSpaces(t, x.old), parseSpaces(t, x.new)
			body, ok := now.AppendDiff(nil, old, 7)
			if text := strings.ReplaceAll(string(body), "&#39;", "'"); ok != (x.want != "") || ok && !strings.Contains(text, x.want) {
				t.Fatalf("%v\n%s\nwant %s", ok, text, x.want)
			}
			if !ok {
				return
			}
			root, err := xmltree.Parse(body)
			if err != nil || !root.Is(diffSpace, "pidf-diff") || root.Attr("entity") != "pres:bob@example.com" || root.Attr("version") != "7" {
				t.Fatalf("%v\n%s", err, body)
			}
			if got, want := string(patch(t, old.Root(), root).Append(nil)), string(now.Root().Append(nil)); got != want {
				t.Errorf("who applies it has\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// patch applies what AppendDiff writes (RFC 5261), by the names that the selectors have.
func patch(t *testing.T, doc, diff *xmltree.Node) *xmltree.Node {
	t.Helper()
	for _, op := range diff.Children {
		sel := op.Attr("sel")
		if op.Name == "add" {
			if sel != "*" {
				t.Fatalf("add to %s", sel)
			}
			if op.Attr("pos") == "prepend" {
				doc.Children = append(append([]*xmltree.Node{}, op.Children...), doc.Children...)
			} else {
				doc.Add(op.Children...)
			}
			continue
		}
		name, id, _ := strings.Cut(strings.TrimPrefix(sel, "*/"), "[@id='")
		name, id = strings.TrimPrefix(name, "dm:"), strings.TrimSuffix(id, "']")
		found := 0
		var left []*xmltree.Node
		for _, c := range doc.Children {
			if c.Name == name && c.Attr("id") == id {
				found++
				if op.Name == "replace" {
					left = append(left, op.Children...)
				}
				continue
			}
			left = append(left, c)
		}
		if found != 1 {
			t.Fatalf("%s selects %d elements", sel, found)
		}
		doc.Children = left
	}
	return doc
}

func TestAppendFull(t *testing.T) {
	body := string(parseSpaces(t, tuple("a", "open")+person("p", "busy")).AppendFull(nil, 1))
	for _, want := range []string{`<p:pidf-full xmlns="urn:ietf:params:xml:ns:pidf" xmlns:p="urn:ietf:params:xml:ns:pidf-diff"`, ` entity="pres:bob@example.com" version="1">`, tuple("a", "open"), person("p", "busy"), "</p:pidf-full>"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
}
