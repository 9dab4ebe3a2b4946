// Package host is the frame for modules: what a module declares about itself, what it receives, and
// its life in a program. The command walks one list of declarations (package modules/all) and knows
// no module by name.
//
// # For the author of a module
//
// A module is a Go API first: turn.New(turn.Options{…}) returns a *turn.Server that a Go program
// uses directly. What the command needs beyond that is one [Plugin]: a value that names the module,
// its flags and its commands, and creates the module from an [Environment]:
//
//	func Plugin() host.Plugin {
//		return host.Plugin{
//			Name: "turn",
//			Flags: []host.Flag{
//				{Name: "turn-relay", Value: "IP", Usage: "relay media at `IP`", Check: checkIP},
//			},
//			New: func(env *host.Environment) (luabind.Opener, error) {
//				return New(Options{Relay: env.Flags.Text("turn-relay"), Log: env.Log})
//			},
//		}
//	}
//
// It is in the module's package, or in a package "plugin" below it if it needs packages that import
// the module (the stores of the registrar). It is added to the list in modules/all; that is the
// only place outside the module's directory that names it.
//
// What New returns lives as long as the process. In addition to luabind.Opener, which creates the
// module of each script generation, it may implement any of these, found by type assertion:
//
//   - engine.Part: it is attached to the engine before the first script is loaded and before
//     anything is received. It opens sockets there, and starts what runs on the engine's lanes and
//     clock, which is virtual in a spec.
//   - engine.Interceptor, engine.Drainer, engine.Detacher: see engine.Part.
//   - luabind.Metered: figures, as sipscript_NAME_….
//   - [Handler]: its part of the admin API, below /api/v1/NAME.
//   - [Storer]: it tells where it keeps what has to survive.
//   - [Listening]: it tells where it listens.
//   - [Stateful]: a replay of requests begins with its state.
//   - [io.Closer]: closed at the very end, when neither scripts nor the admin API can ask for
//     anything, the last made first.
//
// New itself must be cheap and quiet with the zero [Environment]: no file, no socket, no goroutine.
// That is how `sipscript check`, `test` and `stubs` make modules ([Offline]). With Data, Redis or
// DB in it New may open a store, and may fail: the start ends with its error.
//
// # For the embedding program
//
// A program that uses a few modules creates them with their own New and needs nothing from this
// package. One that wants all of them, with the flags and stores of the command, calls [Open] and
// gives [Set.Openers] to luabind.NewRouter, and closes the Set after the engine.
package host
