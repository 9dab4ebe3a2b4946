// Package phone has user agents for a simulated world that behave like telephones: they register,
// call, are called, answer digest challenges, acknowledge, cancel, repeat what was not
// acknowledged, and follow the Record-Route of a dialog. They use the engine's own transaction
// layer, and have an inbox that keeps everything that arrived.
//
//	bob, err := phone.New(w, phone.Options{URI: "sip:bob@example.com", Addr: netip.MustParseAddrPort("10.0.0.3:5060"), Kind: transport.UDP, Proxy: server})
//	reg := bob.Register(phone.Registration{})
//	w.RunUntil(10*time.Second, func() bool { return reg.Final() != nil })
//
// All methods are called from the goroutine that runs the world or from an event of it. What they
// send goes out at once; what follows from it happens when the world advances.
package phone
