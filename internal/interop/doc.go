// Package interop tests the binary as its users meet it: started as a process, on ports it picks
// itself, with traffic of programs that are not ours (sipp, baresip, sipgo, Chromium with JsSIP
// and SIP.js, a WebSocket client), and on a Redis server of its own. It has no code of its own.
//
// Tests that need sipp, baresip, a browser or redis-server skip where it is missing, and say so;
// SIPSCRIPT_INTEROP=required turns these skips into failures.
package interop
