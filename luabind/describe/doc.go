// Package describe renders the declarations of scripts' functions for people and for editors: the
// reference (docs/lua-reference.md), the tables in the READMEs of modules, and definition files for
// the Lua language server.
//
// It knows no function by name: all of it comes from [luabind.Declared].
package describe
