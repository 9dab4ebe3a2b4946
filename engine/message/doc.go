// Package message reads, edits and writes SIP messages (RFC 3261 §7, §19, §20, §25) without copying
// them.
//
// A received message stays the buffer it came in. [Message.Parse] makes an index over it: the start
// line and one entry for each header field. Typed views ([Via], [Address], [URI], [CSeq] …) are
// parsed from the index when somebody asks for them; they are slices of the message and live no
// longer than it does. A change replaces, inserts or removes an entry of the index; new text goes
// to an arena of the message. [Message.AppendTo] writes the message out in one pass. What nobody
// touched leaves byte for byte as it came: order, case, folding, spaces, unknown headers.
//
// A Message is reused: Parse on a used Message keeps its index and arena storage, so that the path
// parse → read → edit → append allocates nothing once warm. A Message and its views belong to one
// goroutine at a time.
//
// What is liberal and what is not: white space, folds, case, empty parameters and unknown anything
// are taken as they come and left as they are. Refused is what two implementations could read in
// two ways: lone LF or CR, control characters, two lengths, two of a header that may occur once.
// After an error the rest is still read, so that a bad request can be answered and not met with
// silence; [Message.Validate] says with what.
//
// Every length that comes from the wire is held against [Limits] before anything is allocated for
// it.
//
// The package imports the standard library only.
package message
