package registrar

// This file distinguishes the instances of user agents and their flows (RFC 5626 §4.1, §4.2): which
// binding a contact is about, and how a proxy reaches each instance once.

import (
	"bytes"
	"slices"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
)

// instanceOf is the instance id in a contact's header parameters, without angle brackets, and its
// reg-id; "" and 0 for none. A reg-id without an instance is ignored (RFC 5626 §6).
func instanceOf(p message.Params) (instance []byte, regID int) {
	if len(p) == 0 {
		return nil, 0
	}
	v, _ := p.Get("+sip.instance")
	instance = bytes.TrimSuffix(bytes.TrimPrefix(v, []byte("<")), []byte(">"))
	if len(instance) == 0 {
		return nil, 0
	}
	v, _ = p.Get("reg-id")
	if n, ok := parseSeconds(v); ok && n <= 1<<31-1 { // RFC 5626 §6: 1 to 2^31 - 1
		regID = int(n)
	}
	return instance, regID
}

// sameInstance compares two instance ids. They are URNs, and those in use (urn:uuid, urn:gsma)
// don't distinguish case (RFC 4122 §3, RFC 8141 §3.1).
func sameInstance(a, b []byte) bool { return len(a) > 0 && bytes.EqualFold(a, b) }

// isAbout reports whether the contact c is about the binding b. Flows are compared by instance and
// reg-id, and then their URIs are irrelevant (RFC 5626 §6). Everything else is compared per
// §19.1.4.
func (g *registration) isAbout(c *contact, b *Binding) bool {
	if g.policy.flows() && c.regID != 0 && b.named() {
		if instance, regID := instanceOf(b.Params()); regID != 0 {
			return c.regID == regID && sameInstance(c.instance, instance)
		}
	}
	return b.matches(c.text, &c.uri)
}

// moved reports whether b is the former address of the UA that has registered c, if that matches no
// binding: it names only its instance. An instance may register several contacts in one request:
// these are not each other's former address.
func (g *registration) moved(c *contact, b *Binding) bool {
	if !g.policy.flows() || len(c.instance) == 0 || !b.named() {
		return false
	}
	instance, regID := instanceOf(b.Params())
	return c.regID == 0 && regID == 0 && sameInstance(c.instance, instance) && !g.done.has(b) && !g.mentions(b)
}

// mentions reports whether one of the request's contacts has the URI of b.
func (g *registration) mentions(b *Binding) bool {
	return slices.ContainsFunc(g.contacts, func(c contact) bool { return b.matches(c.text, &c.uri) })
}

// oncePerInstance is found in the form a proxy may fork to: at most one binding of each instance at
// a time (RFC 5626 §7), which has the instance's others, in their order, to try when its flow
// fails. If no instance occurs twice it is found itself.
func oncePerInstance(found []*Binding) []*Binding {
	if !twice(found) {
		return found
	}
	list := make([]*Binding, 0, len(found))
	for i, b := range found {
		if i > 0 && b.named() && slices.ContainsFunc(found[:i], b.sameInstance) {
			continue
		}
		var others []*proxy.Target
		for _, c := range found[i+1:] {
			if b.named() && b.sameInstance(c) {
				others = append(others, c.Target())
			}
		}
		if others != nil {
			b = b.with(others)
		}
		list = append(list, b)
	}
	return list
}

// twice reports whether two of the bindings are of one instance.
func twice(found []*Binding) bool {
	for i := 1; i < len(found); i++ {
		if found[i].named() && slices.ContainsFunc(found[:i], found[i].sameInstance) {
			return true
		}
	}
	return false
}

func (b *Binding) sameInstance(c *Binding) bool {
	if !c.named() {
		return false
	}
	one, _ := instanceOf(b.Params())
	other, _ := instanceOf(c.Params())
	return sameInstance(one, other)
}
