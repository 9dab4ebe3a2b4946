// Package ring remembers the last calls and requests of a server: every message as it was received
// and sent, and what the script did about it, for whoever asks later, or watches.
//
// # On a call's path
//
// A [Ring] makes one observer for each lane ([Ring.Observe], engine.Config.Observe). It belongs to
// the holder of the lane's token, so recording takes no lock and waits for nobody. What it records
// is appended to a segment of fixed size. Messages of a call resemble each other and those of other
// calls, so a line that was there before is a reference to it (see encoder), and what was made from
// a message that was received is one to its parts (see source): a call of thirteen messages takes
// about 1 kB. Segments are dropped from the oldest on; the size of a ring is a bound in bytes,
// whatever arrives.
//
// # For readers
//
// A segment grows only at its end, and its length is published after each record: readers decode
// what is there, while lanes go on writing. Nothing that a reader holds is written again.
// [Ring.Calls] lists what is there, [Ring.Call] returns one call whole, and a [Follower] returns
// what is new each time it is asked; exporters and live views are followers, and one that is too
// slow loses records, which it is told, instead of delaying a call.
//
// # Calls
//
// Records belong together if their Call-IDs are the same, once a Call-ID that was hidden from one
// side (topology.hide with call_id) has been revealed, or if they share a Session-ID (RFC 7989):
// both sides of a masked or back-to-back call are one [Call].
//
// # What is not recorded
//
// Credentials are overwritten with asterisks before anything is stored (see mask.go): what proves
// something in Authorization, Proxy-Authorization and (Proxy-)Authentication-Info, keys of SDES
// (a=crypto), passwords of ICE (a=ice-pwd), k= and a=key-mgmt of SDP, and passwords in URIs. Names,
// addresses, bodies of text messages and Identity (RFC 8224), which proves nothing about its
// bearer, are not hidden. Keep-alives and bytes that cannot be read as a message are not recorded.
package ring
