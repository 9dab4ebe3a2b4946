package presence

// This file answers PUBLISH requests (RFC 3903 §6).

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/internal/notifier"
	"github.com/sipscript/sipscript/modules/presence/eventstate"
)

// publishing is a PUBLISH that is being served: take, then do, then answer. Between them the lane
// may be lent.
type publishing struct {
	p       *Presence
	req     *engine.Request
	key     eventstate.Key
	r       eventstate.Request
	now     time.Time
	no      *notifier.Refusal
	done    *eventstate.Publication
	changed bool
}

// takePublish reads req on its lane. trusted: whoever sent it may publish for anybody.
func (p *Presence) takePublish(req *engine.Request, trusted bool) (*publishing, error) {
	m := req.Message()
	switch {
	case m.Method() != message.MethodPublish:
		return nil, &engine.MisuseError{Text: "the request is " + string(m.MethodText()) + ", not PUBLISH"}
	case req.Decided():
		return nil, &engine.MisuseError{Text: "this request has been decided already; return after the first decision"}
	case req.Over():
		return nil, engine.ErrRequestOver
	}
	g := &publishing{p: p, req: req, now: req.Engine().Clock().Wall()}
	g.no = g.read(trusted)
	return g, nil
}

// read goes through the steps of RFC 3903 §6.
func (g *publishing) read(trusted bool) (no *notifier.Refusal) {
	m := g.req.Message()
	if g.key.AOR, no = notifier.Address(g.req); no != nil { // step 1
		return no
	}
	g.key.Package = notifier.EventName(m)
	if g.p.find(g.key.Package) == nil || published(g.key.Package) == "" { // step 2
		return notifier.Refuse(489, "", notifier.Header("Allow-Events", g.p.publishable()))
	}
	if no = notifier.CheckExtensions(g.req); no != nil {
		return no
	}
	if !trusted {
		from, no := claimed(g.req)
		if no != nil {
			return no
		}
		if from != g.key.AOR { // step 3
			return notifier.Refuse(403, "")
		}
	}
	if g.r.IfMatch, no = readIfMatch(m); no != nil { // step 4
		return no
	}
	if g.r.Expires, no = g.p.granted(m); no != nil { // step 5
		return no
	}
	return g.readBody()
}

// publishable are the packages that PUBLISH serves.
func (p *Presence) publishable() string {
	var list []string
	for _, name := range p.Policy().Packages {
		if published(name) != "" {
			list = append(list, name)
		}
	}
	return strings.Join(list, ", ")
}

// readIfMatch is the entity tag: at most one (RFC 3903 §6 step 4).
func readIfMatch(m *message.Message) (string, *notifier.Refusal) {
	v := bytes.TrimSpace(m.HeaderName("SIP-If-Match"))
	if len(v) == 0 {
		return "", nil
	}
	if len(v) > 128 || !message.IsToken(v) {
		return "", notifier.Refuse(400, "Bad SIP-If-Match")
	}
	return string(v), nil
}

// granted is how long a publication lasts (step 5): shortened, or too brief.
func (p *Presence) granted(m *message.Message) (time.Duration, *notifier.Refusal) {
	policy := p.Policy()
	n, ok := m.Expires()
	if !ok {
		return policy.MaxExpires, nil
	}
	d := time.Duration(n) * time.Second
	if d > 0 && d < policy.MinExpires {
		return 0, notifier.Refuse(423, "", notifier.Seconds("Min-Expires", policy.MinExpires))
	}
	return min(d, policy.MaxExpires), nil
}

func (g *publishing) readBody() *notifier.Refusal {
	m, want := g.req.Message(), published(g.key.Package)
	body := m.Body()
	if len(body) == 0 {
		return nil
	}
	if e := bytes.TrimSpace(m.Header(message.HeaderContentEncoding)); len(e) > 0 && !bytes.EqualFold(e, []byte("identity")) {
		return notifier.Refuse(415, "", notifier.Header("Accept-Encoding", "identity"))
	}
	kind, _, _ := bytes.Cut(m.Header(message.HeaderContentType), []byte(";"))
	switch {
	case !bytes.EqualFold(bytes.TrimSpace(kind), []byte(want)):
		return notifier.Refuse(415, "", notifier.Header("Accept", want))
	case len(body) > g.p.Policy().MaxSize:
		return notifier.Refuse(413, "")
	case g.r.Expires == 0 && g.r.IfMatch != "": // it is not looked at
		return nil
	}
	value, err := read(g.key.Package, body)
	if err != nil {
		no := notifier.Refuse(400, "Bad Document")
		no.Cause = err
		return no
	}
	g.r.Type, g.r.Body, g.r.Value = want, bytes.Clone(body), value
	return nil
}

// do carries it out. It may block, and run on any goroutine.
func (g *publishing) do(ctx context.Context) {
	if g.no != nil {
		return
	}
	if shared := g.p.shared; shared != nil {
		if g.r.IfMatch != "" { // another node may have given the tag just now, or taken it
			shared.set.Hear(ctx)
		}
		defer func() {
			if g.done != nil {
				shared.settled(ctx, g.key, g.done.ID)
			}
		}()
	}
	var err error
	g.done, g.changed, err = g.p.store.Publish(g.key, &g.r, g.now)
	switch {
	case errors.Is(err, eventstate.ErrNoMatch):
		g.no = notifier.Refuse(412, "")
	case errors.Is(err, eventstate.ErrNoBody):
		g.no = notifier.Refuse(400, "No Body")
	case errors.Is(err, eventstate.ErrFull):
		g.no = notifier.Refuse(403, "Too Many Publications")
	case err != nil:
		g.no = notifier.Unavailable("", err)
	}
}

// answer answers on the request's lane, and takes its decision; watchers are told.
func (g *publishing) answer(headers []engine.HeaderEdit) (ok bool, err error) {
	if g.changed { // also if the request is over meanwhile
		g.p.changed(g.key)
	}
	if g.no != nil {
		g.p.figures.refused.Add(1)
		if err := notifier.Reply(g.req, g.no.Code, g.no.Reason, g.no.Headers, headers); err != nil {
			return false, err
		}
		return false, fmt.Errorf("presence: publish: %w", g.no)
	}
	g.p.figures.published.Add(1)
	tag := newTag() // of a publication that has ended: it matches nothing
	if g.done != nil {
		tag = g.done.Tag
	}
	if err := notifier.Reply(g.req, 200, "", []engine.HeaderEdit{notifier.Header("SIP-ETag", tag), notifier.Seconds("Expires", g.r.Expires)}, headers); err != nil {
		return false, err
	}
	return true, nil
}

// claimed is the canonical address of From, if its sender has proved to be there: a user who
// authenticated and whose From is theirs (auth.require checks that, unless it is told not to), or
// the server of From's domain by its certificate.
func claimed(req *engine.Request) (string, *notifier.Refusal) {
	m := req.Message()
	from, err := m.From()
	if err != nil {
		return "", notifier.Refuse(400, "Bad From")
	}
	uri, err := message.ParseURI(from.URI)
	if err != nil || !uri.IsSIP() || len(from.URI) > 512 {
		return "", notifier.Refuse(403, "")
	}
	if !req.Identified() {
		proved := false
		for _, domain := range req.Identity() {
			proved = proved || strings.EqualFold(domain, string(uri.Host))
		}
		if !proved || req.Engine().IsLocal(string(uri.Host), uri.Port) {
			return "", notifier.Refuse(403, "Not Authenticated")
		}
	}
	return string(req.Engine().AppendAddress(nil, &uri)), nil
}

// sender is claimed, without the proof.
func sender(req *engine.Request) (string, *notifier.Refusal) {
	from, err := req.Message().From()
	if err != nil {
		return "", notifier.Refuse(400, "Bad From")
	}
	uri, err := message.ParseURI(from.URI)
	if err != nil || !uri.IsSIP() || len(from.URI) > 512 {
		return "", notifier.Refuse(403, "")
	}
	return string(req.Engine().AppendAddress(nil, &uri)), nil
}
