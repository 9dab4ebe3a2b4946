package engine

import (
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
)

// Edits of a request; they apply to everything that is sent from then on.

// SetHeader replaces a header by values, one field each; none removes it. A *MisuseError for CR,
// LF, NUL, or a header the engine owns.
func (r *Request) SetHeader(name string, values ...string) error {
	return asMisuse(proxy.SetHeader(r.ctx.Req, name, values...))
}

// AddHeader adds a field after the last, or before the first of its name.
func (r *Request) AddHeader(name, value string, first bool) error {
	return asMisuse(proxy.AddHeader(r.ctx.Req, name, value, first))
}

// RemoveHeader removes all fields of a name.
func (r *Request) RemoveHeader(name string) error {
	return asMisuse(proxy.RemoveHeader(r.ctx.Req, name))
}

// SetBody replaces the body and its type; an empty body removes both.
func (r *Request) SetBody(body []byte, contentType string) error {
	return asMisuse(r.ctx.Req.SetBody(body, contentType))
}

// SetRURI sets the Request-URI. From then on the router vouches for it: Relay and Fork without a
// target go there.
func (r *Request) SetRURI(uri string) error {
	if strings.ContainsAny(uri, " \t\r\n\x00<>\"") {
		return misuse("bad uri %.80q: it has a space, quote, bracket or line break in it", uri)
	}
	if _, err := message.ParseURI([]byte(uri)); err != nil {
		return misuse("bad uri %.80q: %v", uri, err)
	}
	r.ctx.Req.SetRequestURI([]byte(uri))
	r.assigned = true
	return nil
}

// longestRouteParams bounds what a script may store in Record-Route: user agents echo it in every
// request of the dialog.
const longestRouteParams = 256

// RouteParam is a parameter of our Record-Route. It comes back in the requests of the dialog
// ([Request.RouteParams]). Without a Value it is its name alone.
type RouteParam struct {
	Name, Value string // as a URI has them, of at most 256 bytes for all
}

// RecordRoute adds our signed Record-Route to what is sent from now on, with params, if a dialog
// can start (§16.6 step 4). There are two entries if transport or interface changes (RFC 5658),
// which is determined when a branch is sent. A second call replaces the params. In requests that
// cannot start a dialog nothing is written. A *MisuseError for a parameter that can't be in a URI,
// and for a name that is the engine's own.
func (r *Request) RecordRoute(params ...RouteParam) error {
	text, err := routeParams(params)
	if err != nil {
		return err
	}
	if proxy.StartsDialog(r.method) {
		r.ctx.RecordRoute(text)
	}
	return nil
}

// routeParams writes parameters as a URI has them.
func routeParams(params []RouteParam) (string, error) {
	if len(params) == 0 {
		return "", nil
	}
	const ends = " \t\r\n\x00<>\"?,;"
	var b []byte
	for _, p := range params {
		switch {
		case p.Name == "" || proxy.ReservedRouteParam(p.Name):
			return "", misuse("record_route: the parameter name %q is taken or empty", p.Name)
		case strings.ContainsAny(p.Name, ends+"=") || strings.ContainsAny(p.Value, ends):
			return "", misuse("record_route: a parameter has no spaces, quotes, brackets or semicolons in it: %.80q", p.Name+"="+p.Value)
		}
		b = append(append(b, ';'), p.Name...)
		if p.Value != "" {
			b = append(append(b, '='), p.Value...)
		}
	}
	if len(b) > longestRouteParams {
		return "", misuse("record_route: the parameters have %d bytes; at most %d go round with every request", len(b), longestRouteParams)
	}
	return string(b), nil
}

// RemoveField removes the n-th header field of that name (0 is topmost) and reports whether there
// was one. The others keep their bytes, which setting them again would not: credentials for another
// server must pass unchanged (RFC 3261 §22.3). A *MisuseError for a header the engine owns.
func (r *Request) RemoveField(name string, n int) (bool, error) {
	id := message.LookupHeader([]byte(name))
	if proxy.OwnedHeader(id) || id == message.HeaderOther || id.IsList() {
		return false, misuse("remove a field: %.60q is the engine's own, unknown, or a list", name)
	}
	return r.ctx.Req.RemoveElement(id, n), nil
}

// AddSuccessHeaders adds headers to the 2xx this server may answer the request with, whichever part
// of a program makes it: what one part knows about the sender (Authentication-Info) goes into
// another part's answer. Other answers do not get them. A *MisuseError as for SetHeader.
func (r *Request) AddSuccessHeaders(headers ...HeaderEdit) error {
	if err := proxy.CheckEdits(headers); err != nil {
		return asMisuse(err)
	}
	r.seldom().accept = proxy.AppendLines(r.rare().accept, headers)
	return nil
}

// Mask shows the far side another From or To, from now on and to the end of the dialog: answers and
// later requests are mapped in both directions. The tags stay. It needs RecordRoute before it if a
// dialog can start; later requests of the dialog are masked automatically. A *MisuseError if it is
// too late to mask anything, or for a text that is not an address.
func (r *Request) Mask(k Mask) error {
	if err := k.Check(); err != nil {
		return asMisuse(err)
	}
	return asMisuse(r.ctx.SetMask(k))
}

// Assigned reports whether the router set the Request-URI.
func (r *Request) Assigned() bool { return r.assigned }
