// Package gateways chooses among equivalent destinations, and knows which of them work. It is the
// module dispatch without its Lua: Go programs use it directly.
//
// A [Set] has gateways from a list of [Entry]s. [Set.Choose] puts those that are up into an order:
// groups by priority, within a group by weight, in turn, by a hash of a key, by calls in progress,
// or at random. What it returns are targets for engine.Request.Relay: tried one after the other, by
// a rule of their own, and each with a guard that counts its calls and learns how it fares.
//
// A gateway whose host is a name has one address for each that the DNS gives (RFC 3263), and it is
// up as long as one of them is. [Set.Start] probes each address. The state of a gateway and its
// addresses belongs to the Set and survives [Set.Swap], which replaces the list; it is kept by the
// gateway's URI and socket. All of it is read without a lock, so that lanes see a change at once.
package gateways
