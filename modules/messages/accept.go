package messages

// A request becomes a message that is kept.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// httpDate is the form of Date (RFC 3261 §20.17).
const httpDate = "Mon, 02 Jan 2006 15:04:05 GMT"

// refusal is an answer other than 202.
type refusal struct {
	code int
	text string // for the script
}

func (r *refusal) Error() string { return r.text }

// dropped are headers that belong to one hop, to the transaction, or to us. All others are the
// sender's, and are delivered as they came.
var dropped = map[message.HeaderID]bool{
	message.HeaderVia: true, message.HeaderRoute: true, message.HeaderRecordRoute: true, message.HeaderMaxForwards: true,
	message.HeaderFrom: true, message.HeaderTo: true, message.HeaderCallID: true, message.HeaderCSeq: true, message.HeaderContact: true,
	message.HeaderContentLength: true, message.HeaderContentType: true, message.HeaderDate: true,
	message.HeaderAuthorization: true, message.HeaderProxyAuthorization: true, message.HeaderProxyRequire: true,
}

// droppedNames are the same for headers without an ID.
var droppedNames = []string{"Path", "Service-Route", "Supported", "Allow", "Accept", "Max-Breadth", "Session-Expires", "Min-SE"}

// read makes a message of a request. It refuses what is never kept.
func (p *Policy) read(e *engine.Engine, m *message.Message, now time.Time) (*Message, error) {
	uri, err := message.ParseURI(m.RequestURI())
	if err != nil || !uri.IsSIP() || len(uri.User) == 0 || !e.IsLocal(string(uri.Host), uri.Port) {
		return nil, &refusal{404, "the Request-URI is not a user here"}
	}
	body := m.Body()
	if len(body) > p.MaxSize {
		return nil, &refusal{413, fmt.Sprintf("the body has %d bytes, and %d are kept at most", len(body), p.MaxSize)}
	}
	cseq, err := m.CSeq()
	if err != nil {
		return nil, &refusal{400, "the CSeq can't be read"}
	}
	to, err := m.To()
	if err != nil {
		return nil, &refusal{400, "the To can't be read"}
	}
	out := &Message{AOR: string(e.AppendAddress(nil, &uri)), From: unfolded(m.Header(message.HeaderFrom)), To: "<" + string(to.URI) + ">",
		CallID: string(m.CallID()), CSeq: cseq.Number, ContentType: string(m.Header(message.HeaderContentType)), Body: append([]byte(nil), body...),
		Arrived: now, Expires: now.Add(p.TTL)}
	if seconds, ok := m.Expires(); ok { // RFC 3428 §8
		if seconds == 0 {
			return nil, &refusal{480, "its Expires is 0: it is not to be kept"}
		}
		if d := time.Duration(seconds) * time.Second; d < p.TTL {
			out.Expires = now.Add(d)
		}
	}
	out.Headers = kept(m)
	date := strings.TrimSpace(string(m.Header(message.HeaderDate)))
	if _, err := time.Parse(httpDate, date); err != nil {
		date = now.UTC().Format(httpDate)
	}
	out.Headers = append(out.Headers, engine.HeaderEdit{Name: "Date", Values: []string{date}})
	return out, nil
}

// kept are the headers that are delivered.
func kept(m *message.Message) (list []engine.HeaderEdit) {
	at := map[string]int{}
	for i := range m.Len() {
		name := string(m.Name(i))
		if dropped[m.ID(i)] || isDropped(name) {
			continue
		}
		key := strings.ToLower(name)
		n, seen := at[key]
		if !seen {
			n = len(list)
			at[key] = n
			list = append(list, engine.HeaderEdit{Name: name})
		}
		list[n].Values = append(list[n].Values, unfolded(m.Value(i)))
	}
	return list
}

// unfolded is a value on one line (RFC 3261 §7.3.1).
func unfolded(v []byte) string {
	if bytes.IndexByte(v, '\n') < 0 {
		return string(v)
	}
	return strings.Join(strings.Fields(string(v)), " ")
}

func isDropped(name string) bool {
	for _, d := range droppedNames {
		if strings.EqualFold(name, d) {
			return true
		}
	}
	return false
}

// composing reports whether a message only says that its sender is typing.
func composing(m *Message, e *envelope) bool {
	return mediaType(m.ContentType) == composingType || e.contentType == composingType
}

// errComposing is for the script: there is nothing to keep.
var errComposing = errors.New("is-composing is not kept")

// keep stores a message that was read, and a receipt for its sender where one is asked for. It may
// block if the store does.
func (s *Messages) keep(ctx context.Context, e *engine.Engine, p *Policy, m *Message) error {
	env, cpim := openEnvelope(m.ContentType, m.Body)
	if composing(m, &env) {
		return errComposing
	}
	known, err := s.knows(ctx, e, m.AOR)
	switch {
	case err != nil:
		return err
	case !known:
		return &refusal{404, "there is no such user"}
	}
	if err := s.store.Put(ctx, m, p.MaxPerUser); err != nil {
		if errors.Is(err, ErrFull) {
			return &refusal{480, "the user has as many messages as are kept"}
		}
		return err
	}
	s.figures.stored.Add(1)
	if cpim && p.Receipts {
		s.receipt(ctx, e, p, m, &env, outcomeStored)
	}
	return nil
}

// receipt keeps a notification for the sender of a message, if it asked for one and is a user here.
// It is delivered as any other message is.
func (s *Messages) receipt(ctx context.Context, e *engine.Engine, p *Policy, m *Message, env *envelope, outcome string) {
	if !env.asksForProcessing() {
		return
	}
	from, err := message.ParseAddress([]byte(m.From))
	if err != nil {
		return
	}
	uri, err := message.ParseURI(from.URI)
	if err != nil || !uri.IsSIP() || len(uri.User) == 0 || !e.IsLocal(string(uri.Host), uri.Port) {
		return
	}
	now := e.Clock().Wall()
	r := &Message{AOR: string(e.AppendAddress(nil, &uri)), From: "<" + m.AOR + ">", To: "<" + string(from.URI) + ">", CallID: "imdn-" + outcome + "-" + m.CallID, CSeq: 1,
		ContentType: cpimType, Body: receipt(env, m.AOR, outcome, now), Arrived: now, Expires: now.Add(p.TTL),
		Headers: []engine.HeaderEdit{{Name: "Date", Values: []string{now.UTC().Format(httpDate)}}}}
	if err := s.store.Put(ctx, r, p.MaxPerUser); err == nil {
		s.deliverer.Load().soon(r.AOR)
	}
}
