package xmltree

import (
	"strings"
	"testing"
)

// What is written is the same when it is read again, and what is hostile is refused.
func TestParse(t *testing.T) {
	for _, x := range []struct{ name, text, want string }{
		{"an element", `<a/>`, `<a/>`},
		{"namespaces", `<a xmlns="u" xmlns:x="v"><x:b x:c="1" d="2">t</x:b></a>`, `<a xmlns="u" xmlns:n1="v"><n1:b n1:c="1" d="2">t</n1:b></a>`},
		{"a known prefix", `<a xmlns="u"><z:b xmlns:z="urn:ietf:params:xml:ns:pidf:rpid"/></a>`, `<a xmlns="u" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"><rpid:b/></a>`},
		{"a language", `<a xml:lang="de"/>`, `<a xml:lang="de"/>`},
		{"escapes", `<a b="&lt;&quot;&amp;">&lt;x&#65;<![CDATA[<y>]]></a>`, `<a b="&lt;&#34;&amp;">&lt;xA&lt;y&gt;</a>`},
		{"comments and instructions", `<?xml version="1.0"?><!-- c --><a><?php x?><b/></a>`, `<a><b/></a>`},
		{"mixed", `<a>one <b/> two</a>`, `<a>one <b/> two</a>`},
		{"a document type", `<!DOCTYPE a><a/>`, "!document type"},
		{"an entity", `<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>`, "!document type"},
		{"an external entity", `<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>`, "!document type"},
		{"an unknown entity", `<a>&nbsp;</a>`, "!entity"},
		{"nothing", ` `, "!no element"},
		{"two roots", `<a/><b/>`, "!more than one"},
		{"cut off", `<a><b>`, "!EOF"},
		{"crossed", `<a><b></a></b>`, "!syntax"},
		{"another encoding", `<?xml version="1.0" encoding="latin1"?><a/>`, "!encoding"},
		{"deep", strings.Repeat("<a>", maxDepth+1) + strings.Repeat("</a>", maxDepth+1), "!deeply"},
		{"deep enough", strings.Repeat("<a>", maxDepth) + strings.Repeat("</a>", maxDepth), strings.Repeat("<a>", maxDepth-1) + "<a/>" + strings.Repeat("</a>", maxDepth-1)},
		{"many", "<a>" + strings.Repeat("<b/>", maxNodes) + "</a>", "!too many elements"},
		{"many attributes", "<a" + strings.Repeat(` b="1"`, maxAttrs+1) + "/>", "!attributes"},
		{"large", "<a>" + strings.Repeat("x", MaxSize) + "</a>", "!bytes"},
	} {
		t.Run(x.name, func(t *testing.T) {
			n, err := Parse([]byte(x.text))
			if err != nil {
				if want, refused := strings.CutPrefix(x.want, "!"); !refused || !strings.Contains(err.Error(), want) {
					t.Errorf("%v, want %s", err, x.want)
				}
				return
			}
			text := string(n.Append(nil))
			if got := strings.TrimSpace(strings.TrimPrefix(text, `<?xml version="1.0" encoding="UTF-8"?>`)); got != x.want {
				t.Errorf("got  %s\nwant %s", got, x.want)
			}
			if again, err := Parse([]byte(text)); err != nil || !again.Equal(n) {
				t.Errorf("read again: %v", err)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`<a xmlns="u" xmlns:x="v" x:y="z">t<b/>&amp;</a>`))
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(n.Append(nil)); err != nil && len(n.Append(nil)) <= MaxSize {
			t.Fatalf("%v in %s", err, n.Append(nil))
		} else if err == nil && n.Name != again.Name {
			t.Fatalf("%s became %s", n.Name, again.Name)
		}
	})
}
