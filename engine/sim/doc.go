// Package sim is a world of virtual time and virtual links for the real engine: the same lanes,
// transactions and scripts, with a clock that moves from event to event and a network that loses,
// delays, duplicates and reorders as its seed says.
//
//	w := sim.New(1)
//	eng, err := engine.New(engine.Config{Clock: w, Meter: w, Network: w.Network("udp:10.0.0.1:5060"), Seed: 1, Lanes: 1, …})
//	w.Drive(eng.Lanes()...)
//	phone := w.Host("10.0.0.2:5060", func(p sim.Packet) { … })
//	phone.Send("10.0.0.1:5060", invite)
//	w.Run(32 * time.Second)
//
// Hosts and agents may be behind a [NAT], which lets in only packets from addresses they have sent
// to.
//
// Each event runs until nothing in the world has anything left to do at that moment, and only then
// does time advance, so that a run with one lane is repeated exactly by its seed. Timer C takes
// microseconds to test.
package sim
