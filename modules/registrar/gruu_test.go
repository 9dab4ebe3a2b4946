package registrar

// This file tests GRUUs: RFC 5627.

import (
	"context"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// withKey gives the registrar the key that an engine would.
func (b *bench) withKey(k byte) { b.gruus.Store(newGRUUs([32]byte{k})) }

// gruusOf reads the GRUUs of a Contact value.
func gruusOf(t *testing.T, contact string) (public, temporary string) {
	t.Helper()
	a, err := message.ParseAddress([]byte(contact))
	if err != nil {
		t.Fatal(err)
	}
	p, _ := a.Params.Get("pub-gruu")
	q, _ := a.Params.Get("temp-gruu")
	return string(p), string(q)
}

func (b *bench) registerGRUU(t *testing.T, callID string, cseq int, contact string) (public, temporary string) {
	t.Helper()
	res := b.send(t, reg{callID: callID, cseq: cseq, contacts: list(contact), headers: list("Supported: gruu")})
	if res.Code != 200 {
		t.Fatal(res.Err)
	}
	for _, c := range res.header("Contact") {
		if strings.HasPrefix(c, strings.SplitAfter(contact, ">")[0]) {
			return gruusOf(t, c)
		}
	}
	return "", ""
}

func TestGRUU(t *testing.T) {
	b := newBench(t, Policy{})
	b.withKey(1)
	const phone, laptop = "sip:bob@192.0.2.4:1", "sip:bob@192.0.2.4:2"
	public, first := b.registerGRUU(t, "x", 1, "<"+phone+">;"+phoneID)
	if public != "sip:bob@example.com;gr=urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF" {
		t.Errorf("public %q", public)
	}
	if !strings.HasPrefix(first, "sip:tgruu.") || !strings.HasSuffix(first, "@example.com;gr") || strings.Contains(first, "bob") {
		t.Errorf("temporary %q", first)
	}
	b.registerGRUU(t, "l", 1, "<"+laptop+">;"+laptopID)
	_, second := b.registerGRUU(t, "x", 2, "<"+phone+">;"+phoneID)
	if second == first {
		t.Error("a refresh gives the temporary GRUU it gave before")
	}
	for _, uri := range []string{public, first, second, strings.ToLower(public), "sip:" + strings.ToUpper(first[4:]), "sip:bob@EXAMPLE.com:5060;gr=urn%3Auuid:00000000-0000-1000-8000-aabbccddeeff"} {
		b.has(t, uri, phone)
	}
	// What is not a GRUU of theirs leads nowhere, and not to all.
	forged := []byte(first)
	if forged[20] != 'b' {
		forged[20] = 'b'
	} else {
		forged[20] = 'c'
	}
	for _, uri := range []string{"sip:bob@example.com;gr=urn:uuid:1", "sip:bob@example.com;gr", "sip:tgruu.@example.com;gr", "sip:tgruu.AAAA@example.com;gr", string(forged), strings.Replace(public, "bob", "alice", 1)} {
		b.has(t, uri)
	}
	other := newBench(t, Policy{})
	other.withKey(2)
	other.registerGRUU(t, "x", 1, "<"+phone+">;"+phoneID)
	other.has(t, public, phone)
	other.has(t, first)
	// A process that has the same key reads them (RFC 5627 leaves to the domain how).
	same := newBench(t, Policy{})
	same.withKey(1)
	same.registerGRUU(t, "x", 1, "<"+phone+">;"+phoneID)
	same.has(t, first, phone)
	// Registered with another Call-ID: the temporary ones of before are invalid, the public one
	// stays (§3.2).
	_, third := b.registerGRUU(t, "new", 1, "<"+phone+">;"+phoneID)
	b.has(t, first)
	b.has(t, second)
	b.has(t, third, phone)
	b.has(t, public, phone)
	b.has(t, bob, phone, laptop)
	b.send(t, reg{callID: "new", cseq: 2, contacts: list("<" + phone + ">;" + phoneID + ";expires=0")})
	b.has(t, third)
	b.has(t, public)
}

// TestGRUUThatNeverWas: what has the form of a GRUU and was never issued is told from one whose
// client is not there (RFC 5627 §6.1: 404 and 480).
func TestGRUUThatNeverWas(t *testing.T) {
	b := newBench(t, Policy{})
	parsed := func(text string) *message.URI {
		u, err := message.ParseURI([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return &u
	}
	if b.NeverGiven(parsed("sip:tgruu.AAAA@example.com;gr")) {
		t.Error("without a key nothing can be said")
	}
	b.withKey(1)
	public, temporary := b.registerGRUU(t, "x", 1, "<sip:bob@192.0.2.4>;"+phoneID)
	other := newBench(t, Policy{})
	other.withKey(2)
	_, others := other.registerGRUU(t, "x", 1, "<sip:bob@192.0.2.4>;"+phoneID)
	b.send(t, reg{callID: "x", cseq: 2, contacts: list("*"), headers: list("Expires: 0")})
	for uri, want := range map[string]bool{
		public: false, temporary: false, bob: false, "sip:nobody@example.com": false, "sip:tgruu.AAAA@example.com": false,
		"sip:bob@example.com;gr=urn:uuid:1":   false, // there is no telling
		others:                                true,
		temporary[:20] + "!" + temporary[20:]: true,
		"sip:bob@example.com;gr":              true, "sip:tgruu.@example.com;gr": true, "sip:tgruu.AAAA@example.com;gr": true, "sip:tgruu." + strings.Repeat("A", 2000) + "@example.com;gr": true,
	} {
		t.Run(uri, func(t *testing.T) {
			if got := b.NeverGiven(parsed(uri)); got != want {
				t.Errorf("%s: %v", uri, got)
			}
			b.has(t, uri)
		})
	}
}

func TestGRUUWithFlows(t *testing.T) {
	b := newBench(t, Policy{})
	b.withKey(1)
	public, temporary := b.registerGRUU(t, "x", 1, "<sip:bob@192.0.2.4:1>;reg-id=1;"+phoneID)
	b.now = b.now.Add(1e9)
	b.registerGRUU(t, "y", 1, "<sip:bob@192.0.2.4:2>;reg-id=2;"+phoneID)
	for _, uri := range []string{public, temporary} {
		b.has(t, uri, "sip:bob@192.0.2.4:2")
		if found := b.lookup(t, uri); len(found) != 1 || len(found[0].Target().Others) != 1 {
			t.Errorf("%s: %+v", uri, found)
		}
	}
}

func TestGRUUIsGivenWhereItIsUnderstood(t *testing.T) {
	for _, c := range []struct {
		policy    Policy
		contact   string
		supported string
		want      bool
	}{
		{Policy{}, "<sip:b@h>;" + phoneID, "gruu", true},
		{Policy{}, "<sip:b@h>;" + phoneID, "path", false},
		{Policy{}, "<sip:b@h>", "gruu", false},
		{policyOf(func(p *Policy) { p.GRUU = false }), "<sip:b@h>;" + phoneID, "gruu", false},
	} {
		t.Run(c.contact, func(t *testing.T) {
			b := newBench(t, c.policy)
			b.withKey(1)
			res := b.send(t, reg{contacts: list(c.contact), headers: list("Supported: " + c.supported)})
			if got := strings.Contains(res.header("Contact")[0], "-gruu="); got != c.want {
				t.Errorf("%+v: %s", c, res.header("Contact"))
			}
			if public, temporary := b.GRUUs("sip:bob@example.com", b.lookup(t, bob)[0]); (public != "" && temporary != "") != (c.want || c.supported == "path") {
				t.Errorf("%+v: %q, %q", c, public, temporary)
			}
		})
	}
}

// TestAddressesOfAnyLength: a temporary GRUU that is issued leads to its instance; where there can
// be none, none is.
func TestAddressesOfAnyLength(t *testing.T) {
	for _, aor := range []string{"sip:example.com", "sip:b@example.com", "sip:" + strings.Repeat("b", 500) + "@example.com", "sip:" + strings.Repeat("b", 2000) + "@example.com"} {
		b := newBench(t, Policy{})
		b.withKey(1)
		res := b.send(t, reg{to: "<" + aor + ">", contacts: list("<sip:b@h>;" + phoneID), headers: list("Supported: gruu")})
		public, temporary := gruusOf(t, res.header("Contact")[0])
		b.has(t, public, "sip:b@h")
		if given := strings.Contains(res.header("Contact")[0], "temp-gruu"); given != (temporary != "") {
			t.Errorf("%.40s: %.200s", aor, res.header("Contact"))
		}
		if temporary != "" {
			b.has(t, temporary, "sip:b@h")
		}
	}
}

// TestContactIsNoGRUU: a GRUU of the address as its own contact would lead in circles (RFC 5627
// §5.1).
func TestContactIsNoGRUU(t *testing.T) {
	b := newBench(t, Policy{})
	b.withKey(1)
	public, temporary := b.registerGRUU(t, "x", 1, "<sip:bob@192.0.2.4>;"+phoneID)
	for _, uri := range []string{public, temporary, "sip:bob@EXAMPLE.COM;gr=urn:other"} {
		if res := b.send(t, reg{callID: "y", contacts: list("<" + uri + ">")}); res.Code != 403 {
			t.Errorf("%s: %d", uri, res.Code)
		}
	}
	for _, uri := range []string{"sip:alice@example.com;gr=urn:other", "sip:bob@elsewhere.example;gr=x"} {
		if res := b.send(t, reg{callID: "y", cseq: 2, contacts: list("<" + uri + ">")}); res.Code != 200 {
			t.Errorf("%s: %d", uri, res.Code)
		}
	}
}

func TestInstancesOfAnyText(t *testing.T) {
	b := newBench(t, Policy{})
	b.withKey(1)
	for i, id := range []string{"urn:gsma:imei:90420156-025763-0;x=\\\"1\\\"", "a b%41<>?@,", "<urn:x>"} {
		contact := `<sip:bob@192.0.2.4>;+sip.instance="<` + id + `>"`
		public, temporary := b.registerGRUU(t, id, i+1, contact)
		for _, uri := range []string{public, temporary} {
			u, err := message.ParseURI([]byte(uri))
			if err != nil {
				t.Errorf("%q: %q: %v", id, uri, err)
				continue
			}
			if found, _ := b.Lookup(context.Background(), &u, b.now); len(found) != 1 {
				t.Errorf("%q: %q finds %d", id, uri, len(found))
			}
		}
	}
}

func FuzzGRUU(f *testing.F) {
	g := newGRUUs([32]byte{1})
	f.Add(string(g.appendTemporary(nil, "sip:bob@example.com", []byte("urn:uuid:1"), "x")))
	f.Add("sip:bob@example.com;gr=%4")
	f.Add("sip:tgruu.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA@example.com;gr")
	r := luabindtest.Must(New(Options{}))
	r.gruus.Store(g)
	f.Fuzz(func(t *testing.T, text string) {
		u, err := message.ParseURI([]byte(text))
		if err != nil || !isGRUU(&u) {
			return
		}
		w := r.readGRUU(&u)
		if len(w.aor) > 0 && string(w.aor) != "sip:bob@example.com" {
			t.Errorf("%q is read as of %q", text, w.aor)
		}
	})
}
