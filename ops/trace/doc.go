// Package trace shows what a ring remembers: to other programs as JSON, and to people as ladders,
// in sentences, as a capture file and as a spec.
//
// An [API] answers, below /api/v1/trace, what is asked:
//
//	GET calls               the last calls and requests that a filter chooses, the newest first
//	GET calls/{call_id}     one of them, whole
//	GET live                all that happens from now on, as server-sent events
//
// What is done with an answer ([Call]) is done where it was asked for: [Call.Ladder], [Call.Tell],
// [WritePcap] and [WriteSpec] need no server.
package trace
