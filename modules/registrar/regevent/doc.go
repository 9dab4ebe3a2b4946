// Package regevent tells subscribers where a user is registered: the notifier of the event package
// "reg" (RFC 3680) by the rules of RFC 6665, with GRUUs (RFC 5628).
//
// A [Notifier] answers SUBSCRIBE requests and sends NOTIFYs, by the common rules of package
// modules/internal/notifier. It knows the registrar only as
// [Registrations], and learns of changes through [Notifier.Changed]. What to report is found by
// comparing the current contacts with those last reported to the subscriber, so a burst of changes
// becomes one NOTIFY and nothing is queued.
//
// A subscription belongs to the lane of its Call-ID, where its SUBSCRIBEs and the answers to its
// NOTIFYs arrive.
package regevent
