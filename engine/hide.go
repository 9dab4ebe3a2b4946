package engine

import (
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/veil"
)

// HideOptions are what [Request.Hide] hides beside Via, Record-Route and Contact.
type HideOptions = veil.Options

// longestContactUser bounds a user that is shown in place of others: all messages have it.
const longestContactUser = 64

// Hide hides the sender of a request, and those whom it goes to, from each other: Via, Record-Route
// and Contact, in all messages of the dialog that it begins. Nothing is kept: what is hidden is
// encrypted in what the sides send back, and revealed when it arrives, so that the router sees all
// messages as they are. It record-routes where that was not done. In a dialog it does nothing; a
// second call changes the options. A *MisuseError for an ACK or CANCEL, and a ContactUser that is
// not one. Afterwards Forward is an error.
func (r *Request) Hide(o HideOptions) error {
	switch {
	case r.method == message.MethodAck || r.method == message.MethodCancel:
		return misuse("hide: an ACK or CANCEL is hidden as its INVITE is")
	case r.inDialog:
		return nil
	case o.ContactUser != "":
		u, err := message.ParseURI([]byte("sip:" + o.ContactUser + "@x"))
		if err != nil || string(u.User) != o.ContactUser || len(o.ContactUser) > longestContactUser {
			return misuse("hide: %.80q is not the user of a URI, of at most %d bytes", o.ContactUser, longestContactUser)
		}
	}
	if !r.ctx.Recorded() && proxy.StartsDialog(r.method) {
		if err := r.RecordRoute(); err != nil {
			return err
		}
	}
	r.hides = true
	return asMisuse(r.ctx.Hide(o))
}

// CallIDThere is the Call-ID by which those know the request whom it goes to: not the request's own
// where Hide hides that.
func (r *Request) CallIDThere() string {
	id := r.ctx.Req.CallID()
	if v := r.ctx.Server.Veil; v != nil && v.Options.CallID && v.CallID == "" {
		return r.Engine().veil.HideCallID(id)
	}
	return string(id)
}
