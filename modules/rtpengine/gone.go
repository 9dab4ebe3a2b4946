package rtpengine

// This file is what a daemon says about calls whose media is gone. The protocol NG has no message
// for it: the daemon calls a URL by XML-RPC (--b2b-url), which is one of the admin interface.

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"

	"github.com/sipscript/sipscript/modules/host"
)

// methodCall is what a daemon sends, in the formats that have a Call-ID (--xmlrpc-format=1 and 2).
type methodCall struct {
	XMLName xml.Name `xml:"methodCall"`
	Method  string   `xml:"methodName"`
	Params  []string `xml:"params>param>value>string"`
}

const (
	mostCall   = 64 << 10 // bytes of a methodCall
	mostCallID = 1024
)

var errFormat = errors.New("this is not what rtpengine sends with --xmlrpc-format=1 or 2")

// gone is POST /timeout.
func (p *RTPEngine) gone(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostCall))
	var call methodCall
	if err == nil {
		err = xml.Unmarshal(text, &call)
	}
	if err == nil && (call.Method != "teardown" && call.Method != "dlg.terminate_dlg" || len(call.Params) == 0 || call.Params[0] == "" || len(call.Params[0]) > mostCallID) {
		err = errFormat
	}
	if err != nil {
		host.Refuse(w, http.StatusBadRequest, err)
		return
	}
	p.MediaGone(call.Params[0])
	w.Header().Set("Content-Type", "text/xml")
	_, _ = io.WriteString(w, xml.Header+"<methodResponse><params><param><value><string>OK</string></value></param></params></methodResponse>\n")
}

// MediaGone says that a daemon has given up the call that it knows by a name.
func (p *RTPEngine) MediaGone(name string) {
	callID := p.sipCallID(name)
	p.log.Info("the media of a call is gone", "call_id", callID)
	p.timeouts.Add(1)
	p.events.Emit(event{kind: EventGone, callID: callID})
	if f := p.watcher; f != nil {
		f(callID)
	}
}

// OnMediaGone has f called with the Call-ID of each call whose media is gone. It is for modules,
// while they are made.
func (p *RTPEngine) OnMediaGone(f func(callID string)) { p.watcher = f }
