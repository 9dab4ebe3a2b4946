// Package ng is a client of the control protocol "NG" of rtpengine, over UDP, TCP and WebSocket: a
// [Pool] of daemons in weighted sets, of which each is watched.
//
// A message is a cookie, a space and a bencoded dictionary. Over UDP a command is repeated with its
// cookie until the answer comes; the daemon answers a repetition from its memory.
package ng
