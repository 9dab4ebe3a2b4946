// Package regevent tells subscribers what is registered for a user: the notifier of the event
// package "reg" (RFC 3680) by the rules of RFC 6665, with GRUUs (RFC 5628).
//
// A [Notifier] answers SUBSCRIBE requests and sends NOTIFYs. It knows the registrar by
// [Registrations] alone, and is told of changes by [Notifier.Changed]. What it tells is found by
// comparing the contacts there are with those the subscriber was told of last, so that a burst of
// changes is one NOTIFY and nothing is queued.
//
// A subscription belongs to the lane of its Call-ID, where its SUBSCRIBEs and the answers to its
// NOTIFYs arrive.
package regevent
