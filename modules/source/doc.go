// Package source reads the lists that modules work with: users, gateways, networks, rates. A list
// comes from a table in the script, from a file, from a database, or from a function; what reads it
// is the same for all.
//
// An entry is a struct. Its tags are those of luabind's options, so that a table in a script, a
// column of a file and one of a database have the same names:
//
//	type gateway struct {
//		NextHop  string         `lua:"next_hop,required" source:"bare" doc:"where it is reached"`
//		Weight   int            `lua:"weight" min:"1" max:"1000" doc:"its share"`
//		Priority int            `lua:"priority" doc:"lower goes first"`
//		Attrs    map[string]any `lua:"attrs" doc:"handed back with it"`
//	}
//
// A field marked "bare" is what an entry is that is nothing but text; one marked "key" is what an
// entry is called in a table with names (users = { alice = … }). [Options].Default is what an entry
// has before it is read. An entry with a method Check() error is checked by it.
//
// A list is read as a whole: [Open] builds of its entries what lookups need (a map, a trie), and
// puts it in place of the one before only when all of it could be read and built. Errors name the
// file and the line. A source that is unavailable leaves the last list in force; [List.Metrics]
// tell since when.
//
//   - A table: read once.
//   - "file:PATH": .csv with a line of names first, .json (a list of entries, or an object of them
//     by name), or lines of text with one entry each, where # begins a comment. It is read again
//     when it has changed, and stays so for half a second: who writes it may take some time.
//   - A database, by its URL: [Spec].Query, the module's own query, or that of a Layout. It is read
//     again every [Spec].Every. Where it is away at the start, the list kept in [Options].Keep
//     serves, else the start is refused.
//   - A function: called at the start, and by [List.Reload].
//
// Lists that are too large to be held, such as users, are asked by key instead: [Keyed].
package source
