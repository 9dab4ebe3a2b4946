// Package notifier is the notifier of RFC 6665, whatever the event package: it answers SUBSCRIBE
// requests, sends NOTIFYs, and ends subscriptions.
//
// What is reported is not its business: an event package gives each subscription a [Feed], which
// makes its documents. A [Notifier] learns of changes through [Notifier.Changed]; what a subscriber
// is told is found when it may be told, so a burst of changes becomes one NOTIFY and nothing is
// queued.
//
// A subscription belongs to the lane of its Call-ID, where its SUBSCRIBEs and the answers to its
// NOTIFYs arrive. When it does what is a pure state machine (machine.go).
package notifier
