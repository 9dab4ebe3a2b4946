// Package replay runs requests that a server has served once more: by the script that serves, and
// by one that may follow it, each in a simulated world of its own ([engine/sim]), and tells what
// they decide differently.
//
// A [Material] is what a server gives away for that: the last initial requests of its ring, what
// was decided about them, the script as it was read, and the state that decisions depend on.
// [Collect] takes the requests from a ring, [Run] replays them, and a [Report] has the differences,
// those that are alike in one row. [Rules] say which of them are too many for a script to take
// over.
//
// # Worlds
//
// Both worlds are alike: the same seed, time of day, listeners, bindings and dictionaries. Requests
// come one after the other, from the addresses and at the times at which they came, and all that
// follows from one is over before the next comes. Whoever a script sends something to is there, and
// answers at once as the one answered to whom the server sent it then. Calls that are answered are
// acknowledged and hung up.
//
// # What is outside
//
// Nothing leaves the process. A request for which a script asks an HTTP server, a database, Redis,
// an rtpengine or the DNS is not compared: what they answered is not remembered. Names that
// requests are sent to have addresses that are made up. Credentials, whose secrets are overwritten
// in the ring, are right if they were right then.
package replay
