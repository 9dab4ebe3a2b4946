// Package host is where modules stand: what a module declares of itself, what it is given, and its
// life in a program. The command walks one list of declarations (package modules/all) and knows no
// module by name.
//
// # For the author of a module
//
// A module is a Go API first: turn.New(turn.Options{…}) makes a *turn.Server that a Go program uses
// as it is. What the command needs beyond that is one [Plugin]: a value, which names the module,
// its flags and its commands, and makes the module out of an [Environment]:
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
// It is in the module's package, or in a package "plugin" below it where it takes in packages that
// import the module (the stores of the registrar). It is added to the list in modules/all; that is
// the only place outside of the module's directory that names it.
//
// What New returns lives as long as the process. Beside luabind.Opener, which makes the module of
// each script generation, it may be any of these, found by type assertion:
//
//   - engine.Part: it is attached to the engine before the first script is loaded and before
//     anything is received. It opens sockets there, and starts what runs on the engine's lanes and
//     clock, which is virtual in a spec.
//   - engine.Interceptor, engine.Drainer, engine.Detacher: see engine.Part.
//   - luabind.Metered: figures, as sipscript_NAME_….
//   - [Handler]: its part of the admin API, below /api/v1/NAME.
//   - [Storer]: it tells where it keeps what has to survive.
//   - [io.Closer]: closed at the very end, when neither scripts nor the admin API can ask for
//     anything, the last made first.
//
// New itself must be cheap and quiet with the zero [Environment]: no file, no socket, no goroutine.
// That is how `sipscript check`, `test` and `stubs` make modules ([Offline]). With Data, Redis or
// DB in it New may open a store, and may fail: the start ends with its error.
//
// # For the embedding program
//
// A program that uses a few modules makes them by their own New and needs nothing of this package.
// One that wants all, with the flags and stores of the command, calls [Open] and gives
// [Set.Openers] to luabind.NewRouter, and closes the Set after the engine.
package host
