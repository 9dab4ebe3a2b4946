// Package message reads, edits and writes SIP messages (RFC 3261 §7, §19, §20, §25) without copying
// them.
//
// A received message stays in the buffer it arrived in. [Message.Parse] builds an index over it:
// the start line and one entry for each header field. Typed views ([Via], [Address], [URI], [CSeq]
// …) are parsed from the index on demand; they are slices of the message and live no longer than it
// does. A change replaces, inserts or removes an entry of the index; new text goes into an arena of
// the message. [Message.AppendTo] writes the message out in one pass. Whatever nobody changed
// leaves byte for byte as it arrived: order, case, folding, spaces, unknown headers.
//
// A Message is reused: Parse on a used Message keeps its index and arena storage, so that the path
// parse → read → edit → append allocates nothing once warm. A Message and its views belong to one
// goroutine at a time.
//
// Parsing is liberal about white space, folds, case, empty parameters and unknown elements, which
// are accepted and left unchanged. It refuses whatever two implementations could read in different
// ways: lone LF or CR, control characters, two lengths, two of a header that may occur once. After
// an error the rest is still read, so that a bad request gets an answer instead of silence;
// [Message.Validate] says which answer.
//
// Every length that comes from the network is checked against [Limits] before anything is allocated
// for it.
//
// The package imports the standard library only.
package message
