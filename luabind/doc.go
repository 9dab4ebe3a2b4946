// Package luabind runs routing scripts: it binds the engine into Lua.
//
// [NewRouter] makes an engine.Router from a script. Each lane of the engine has its own Lua VM,
// built from the same compiled source; one more VM runs on the engine's background lane, for what
// happens once per process (sip.every, sip.on). A script call runs on the goroutine that holds the
// lane's token, on a Lua thread of the lane's VM. A binding that waits does so in plain Go and
// lends the lane in the meantime; nothing here ever yields a Lua coroutine to wait.
//
// # Modules
//
// Besides "sip", scripts can require modules: an [Opener] is given to NewRouter in
// [Options].Modules, is opened once per script generation, and declares its functions with types,
// documentation and whether they wait. From those declarations come binding and argument checking,
// and the stubs and the reference for script authors. [Pure], [Waiting] and [Configure] declare a
// plain Go function; [Function].Call is for hot ones.
//
// Lua values never leave their VM: a module sees only Go values. What a module shares with scripts
// as an object implements [Object].
//
// This is the only package that imports gopher-lua.
package luabind
