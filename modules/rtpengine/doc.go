// Package rtpengine is the module "rtpengine": the media of calls passes rtpengine, which relays,
// encrypts, transcodes and records it.
//
// A [Relay] follows each managed call by itself: its branches, responses, later offers and end.
// Nothing is kept for a call between its requests: which daemon has it and what its sides are shown
// travels in our Record-Route. Go programs make one with [NewRelay] and have it among the parts of
// their engine.
package rtpengine
