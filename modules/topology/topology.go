// Package topology is the module "topology": it hides the two sides of a call from each other, so
// that neither learns of the other's hosts. The engine does it ([engine.Request.Hide], package
// veil); a Go program needs nothing else.
package topology

import (
	"sync/atomic"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/host"
)

// Plugin is the module "topology".
func Plugin() host.Plugin {
	return host.Plugin{Name: "topology", New: func(*host.Environment) (luabind.Opener, error) { return New(), nil }}
}

// Topology is the module.
type Topology struct {
	hidden atomic.Uint64
}

// New makes the module.
func New() *Topology { return &Topology{} }

// Doc describes the module.
func (*Topology) Doc() string { return "Hides the two sides of a call from each other." }

// Name is "topology".
func (*Topology) Name() string { return "topology" }

// Open makes the module of one script generation.
func (t *Topology) Open(*luabind.Host) (luabind.Module, error) { return module{t}, nil }

// Metrics of the module.
func (t *Topology) Metrics() []luabind.Metric {
	return []luabind.Metric{{Name: "topology_hidden_total", Help: "Requests whose sides were hidden from each other by topology.hide.",
		Value: func() float64 { return float64(t.hidden.Load()) }}}
}

type module struct{ t *Topology }

// Close has nothing to do.
func (module) Close() error { return nil }

// options are those of hide.
type options struct {
	CallID      bool   `lua:"call_id" default:"false" doc:"the Call-ID too, and where Refer-To and Target-Dialog name one"`
	ContactUser string `lua:"contact_user" default:"one that means nothing" doc:"the user of the Contacts that are shown"`
	Warning     bool   `lua:"warning" default:"false" doc:"Warning too, which names hosts"`
	History     bool   `lua:"history" default:"false" doc:"History-Info and Diversion too"`
}

// Functions of the module.
func (m module) Functions() []luabind.Function {
	return []luabind.Function{
		luabind.Act2(luabind.Function{Name: "hide", Where: luabind.InHandler, Effects: luabind.RecordRoutes,
			Doc: "Hides the sender of the request, and those whom it goes to, from each other: Via, Record-Route and Contact, in all messages of the dialog. It record-routes where " +
				"that was not done. In a dialog it does nothing; a second call changes the options.",
			Raises:  "for an ACK or CANCEL, and for a contact_user that is not the user of a URI; forward raises after it",
			Example: "topology.hide(req)"},
			luabind.RequestArg(), luabind.OptionsArg(options{}), m.hide),
	}
}

func (m module) hide(_ *luabind.Call, r *engine.Request, o options) error {
	if err := r.Hide(engine.HideOptions{CallID: o.CallID, ContactUser: o.ContactUser, Warning: o.Warning, History: o.History}); err != nil {
		return err
	}
	if !r.InDialog() {
		m.t.hidden.Add(1)
	}
	return nil
}
