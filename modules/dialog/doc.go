// Package dialog is the module "dialog": calls that pass this server are known, from the INVITE to
// their end.
//
// [Dialogs] is an engine.Part. [Dialogs.Track] begins to follow a request's call and returns a
// [Call]; what becomes of it by and by is in package track, a state machine without time or network
// of its own. Other modules find a call by [Dialogs.Of] and [Dialogs.ByID], and hear of all of them
// by [Dialogs.Watch]: an [Event] has the Call, whose [Call.View] is a copy of everything that is
// known.
//
// A call belongs to the lane of its Call-ID: it changes there and nowhere else. Whoever asks from
// another lane, or ends it, may do so at any time.
//
// What this server itself sends within a dialog does not disturb the parties' CSeq numbers (RFC
// 3261 §12.2.1.1). A BYE has the number after the highest that its recipient has seen of the other
// party, and nothing comes after it. A ping (OPTIONS) repeats that highest number, or 0 where there
// was none: to its recipient it is old (500, §12.2.2) or is answered; either says that the dialog
// is there, 481 that it is not, and the other party's next number is right in any case. Counting
// pings as numbers of their own would mean to shift all later numbers of that party for the rest of
// the call, on this node and after a restart.
package dialog
