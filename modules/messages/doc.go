// Package messages is the module "messages": it keeps MESSAGE requests (RFC 3428) for users who are
// not reachable, and delivers them when their user registers.
//
// # What is promised
//
// A message that was answered 202 is stored: with --data in a file, with --redis in Redis, where
// all servers see it, and otherwise in memory until the process ends. It is removed once a device
// has answered it with a 2xx, or refused it for good, or its time is over. A process that is killed
// between a device's answer and the removal delivers it once more, so each message is delivered at
// least once, and a copy has the Call-ID, the CSeq and the From tag of the first, by which a device
// can tell.
//
// # To whom, and in which order
//
// All devices that are registered when a delivery begins get the user's messages, the oldest first,
// each when the one before it was answered. One device that takes a message is enough. A device
// that does not answer gets no more of them this time. A device that registers later gets those
// that are left.
package messages
