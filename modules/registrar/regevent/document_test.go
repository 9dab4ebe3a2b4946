package regevent

// This file tests documents: the examples of the RFCs, all events, and texts that would break them.

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sipscript/sipscript/engine/message"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func mustRead(t *testing.T, d *document) (*info, string) {
	t.Helper()
	body := d.append(nil, noon)
	read, err := readInfo(body)
	if err != nil {
		t.Fatalf("%v in\n%s", err, body)
	}
	return read, string(body)
}

// The document of RFC 3680 §5.3's example, and the GRUUs of RFC 5628 §5.
func TestDocument(t *testing.T) {
	d := &document{version: 7, full: true, aor: "sip:joe@example.com", state: stateActive, contacts: []entry{
		{id: "76", state: stateActive, event: Registered, since: noon.Add(-7322 * time.Second), Contact: Contact{URI: "sip:joe@pc887.example.com",
			Params: message.Params(";q=0.8"), CallID: "a@b", CSeq: 9, Expires: noon.Add(90 * time.Second)}},
		{id: "77", state: stateTerminated, event: Expired, since: noon.Add(-3600 * time.Second), Contact: Contact{URI: "sip:joe@university.edu",
			Params: message.Params(";q=0.5"), Expires: noon.Add(-time.Second), PubGRUU: "sip:joe@example.com;gr=old"}},
		{id: "78", state: stateActive, event: Refreshed, Contact: Contact{URI: "sip:user@192.0.2.1", Display: "Joe", Expires: noon.Add(time.Hour), CSeq: 54301,
			Params:  message.Params(`;+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>";reg-id=1;Expires=5;video`),
			PubGRUU: "sip:joe@example.com;gr=hha9s8d-999a", TempGRUU: "sip:tgruu.7hatz6cn-098@example.com;gr"}},
	}}
	read, text := mustRead(t, d)
	if read.String() != "7 full active [sip:joe@pc887.example.com active registered, sip:joe@university.edu terminated expired, sip:user@192.0.2.1 active refreshed]" {
		t.Errorf("read %s from\n%s", read, text)
	}
	first, second, third := read.contacts[0].attributes, read.contacts[1], read.contacts[2]
	if first["duration-registered"] != "7322" || first["q"] != "0.8" || first["callid"] != "a@b" || first["cseq"] != "9" || first["expires"] != "90" {
		t.Errorf("first contact %v", first)
	}
	if _, ok := second.attributes["expires"]; ok || second.pub != "" {
		t.Errorf("what ended has time left, or a GRUU: %+v", second)
	}
	if third.display != "Joe" || len(third.params) != 3 || third.params["+sip.instance"] != `"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"` || third.params["reg-id"] != "1" ||
		third.pub != "sip:joe@example.com;gr=hha9s8d-999a" || third.temp != "sip:tgruu.7hatz6cn-098@example.com;gr" || third.firstCSeq != "54301" {
		t.Errorf("third contact %+v", third)
	}
	if _, ok := third.params["video"]; !ok {
		t.Error("a parameter without a value is missing")
	}
	d.contacts = d.contacts[:2]
	if _, text := mustRead(t, d); strings.Contains(text, namespaceGRUU) {
		t.Errorf("declares a namespace it does not use:\n%s", text)
	}
}

// Each event in its state, also those this registrar never tells, makes a document of the schema;
// one of the other state does not.
func TestDocumentEvents(t *testing.T) {
	for state, list := range events {
		for _, event := range list {
			for _, of := range []string{stateActive, stateTerminated} {
				d := &document{aor: "sip:a@b", state: of, contacts: []entry{{id: "1", state: of, event: event, Contact: Contact{URI: "sip:x@y"}}}}
				if _, err := readInfo(d.append(nil, noon)); (err == nil) != (of == state) {
					t.Errorf("%s %s: %v", of, event, err)
				}
			}
		}
	}
	for _, state := range []string{stateInit, stateTerminated} {
		if read, _ := mustRead(t, &document{aor: "sip:a@b", state: state, full: true}); read.state != state {
			t.Errorf("%s became %s", state, read.state)
		}
	}
}

var hostile = []string{
	`<>&"'`, `]]></uri><contact id="x">`, "\x00\x01\x1f\x7f", "a\r\nb\tc", "\xff\xfe", "\ufffe\uffff", "\U0001f600", `"/><!--`, "&#0;&lt;", "<![CDATA[x]]>",
	strings.Repeat("&", 1024), "<?xml?>", "%s%n",
}

// Whatever a contact holds, the document stays one, and the text comes back where XML has
// characters for it.
func TestHostileTexts(t *testing.T) {
	for _, text := range hostile {
		checkText(t, text)
	}
}

func checkText(t *testing.T, text string) {
	t.Helper()
	c := Contact{URI: "sip:" + text, Display: "x" + text, CallID: text, PubGRUU: "sip:" + text, TempGRUU: "sip:" + text, Params: message.Params(";x=" + text + `;y="` + text + `"`)}
	d := &document{aor: "sip:" + text, state: stateActive, contacts: []entry{{Contact: c, id: "1", state: stateActive, event: Registered}}}
	read, whole := mustRead(t, d)
	got := read.contacts[0]
	if plain(text) && (got.uri != c.URI || got.display != c.Display || got.attributes["callid"] != text || got.pub != c.PubGRUU || got.temp != c.TempGRUU || read.aor != d.aor) {
		t.Errorf("%q became %+v in\n%s", text, got, whole)
	}
}

// plain reports whether XML has all of the text's characters.
func plain(text string) bool {
	for _, r := range text {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
			return false
		}
	}
	return utf8.ValidString(text)
}

func FuzzDocument(f *testing.F) {
	for _, text := range hostile {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkText(t, text) })
}
