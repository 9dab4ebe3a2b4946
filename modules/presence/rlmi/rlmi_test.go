package rlmi

import (
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"testing"
)

// A reader of multipart bodies finds the list first, and each member's document by its Content-ID.
func TestAppend(t *testing.T) {
	d := &Document{URI: "sip:friends@example.com", Version: 3, Full: true, Members: []Member{{URI: "sip:a@h", State: "active", Type: "text/plain", Body: []byte("hello\r\n")},
		{URI: "sip:b@h", State: "terminated", Reason: "rejected"}, {URI: "sip:c@h", State: "pending"}}}
	body, contentType := d.Append(nil, "b1")
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != Multipart || params["type"] != Type || params["start"] != "<root@b1>" {
		t.Fatal(contentType, err)
	}
	want := `<list xmlns="urn:ietf:params:xml:ns:rlmi" uri="sip:friends@example.com" version="3" fullState="true"><resource uri="sip:a@h"><instance id="1" state="active" cid="m0@b1"/></resource>` +
		`<resource uri="sip:b@h"><instance id="1" state="terminated" reason="rejected"/></resource><resource uri="sip:c@h"><instance id="1" state="pending"/></resource></list>`
	parts := multipart.NewReader(strings.NewReader(string(body)), params["boundary"])
	for i, part := range []struct{ id, text string }{{"<root@b1>", want}, {"<m0@b1>", "hello\r\n"}} {
		t.Run(part.id, func(t *testing.T) {
			p, err := parts.NextPart()
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(p)
			if p.Header.Get("Content-ID") != part.id || !strings.Contains(string(text), part.text) {
				t.Errorf("part %d: %v %q", i, p.Header, text)
			}
		})
	}
	if _, err := parts.NextPart(); err != io.EOF {
		t.Error(err)
	}
}
