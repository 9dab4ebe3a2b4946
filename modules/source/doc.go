// Package source reads the lists that modules work with: users, gateways, networks, rates. A list
// comes from a table in the script, a file, a database, or a function; the reader is the same for
// all.
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
// A field marked "bare" is the value of an entry that is only a string; one marked "key" is the
// name of an entry in a table with names (users = { alice = … }). [Options].Default is the state of
// an entry before it is read. If an entry has a method Check() error, it is checked with that.
//
// A list is read as a whole: [Open] builds from its entries what lookups need (a map, a trie), and
// replaces the previous one only if everything could be read and built. Errors name the file and
// the line. A whole number beyond 2^53, which a number of Lua does not hold, is text where a field
// takes any value. If a source is unavailable, the last list stays in force; [List.Metrics] say
// since when.
//
//   - A table: read once.
//   - "file:PATH": .csv with a line of names first, .json (a list of entries, or an object of them
//     by name), or lines of text with one entry each, where # begins a comment. It is read again
//     when it has changed, and stays so for half a second: who writes it may take some time.
//   - A database, by its URL: [Spec].Query, the module's own query, or that of a Layout. It is read
//     again every [Spec].Every. Where it is unavailable at the start, the list kept in
//     [Options].Keep serves, else the start is refused.
//   - An HTTP server, by its URL: asked every [Spec].Every, whether the list is still the one in
//     force (ETag, Last-Modified). The end of its path (.csv, .json, .txt), or else the type of the
//     answer, says how it is written; it may have 64 MiB. The last good list is kept like that of a
//     database.
//   - A function: called at the start, and by [List.Reload].
//
// Lists that are too large to hold, such as users, are looked up by key instead: [Keyed].
package source
