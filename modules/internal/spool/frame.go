package spool

// Frames: records as they are in files.

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"time"
)

// Key tells what is unfinished apart: the id of a call.
type Key [16]byte

// Kinds of frames.
const (
	kindRecord byte = iota + 1 // for the readers; it ends what has begun with its key
	kindBegin                  // something has begun
	kindEnd                    // it has ended
)

// magic begins each frame. It is not valid UTF-8, so that a record of text never looks like one.
const magic = "\xffSP\xfe"

// header: magic, the length of data (4), number (8), time (8), kind (1), key (16), checksum of all
// that and data (4).
const (
	atLength = 4
	atNumber = 8
	atTime   = 16
	atKind   = 24
	atKey    = 25
	atSum    = 41
	header   = 45
)

// entry is a frame in memory.
type entry struct {
	seq   uint64
	kind  byte
	began bool // what it ends was noted
	key   Key
	frame []byte
	value any // see Spool.AppendValue; of one that is not synced it is left to the others
}

func newEntry(kind byte, key Key, data []byte, now time.Time) entry {
	return entryIn(make([]byte, header+len(data)), kind, key, data, now)
}

// entryIn makes one in a piece of memory of its size.
func entryIn(b []byte, kind byte, key Key, data []byte, now time.Time) entry {
	copy(b, magic)
	binary.BigEndian.PutUint32(b[atLength:], uint32(len(data)))
	binary.BigEndian.PutUint64(b[atTime:], uint64(now.UnixNano()))
	b[atKind] = kind
	copy(b[atKey:], key[:])
	copy(b[header:], data)
	return entry{kind: kind, key: key, frame: b}
}

// number gives the entry its place in the queue.
func (e *entry) number(seq uint64) {
	e.seq = seq
	binary.BigEndian.PutUint64(e.frame[atNumber:], seq)
	binary.BigEndian.PutUint32(e.frame[atSum:], sum(e.frame))
}

// record is the entry as readers have it. The data refers to the frame.
func (e *entry) record() Record {
	at := int64(binary.BigEndian.Uint64(e.frame[atTime:]))
	return Record{Seq: e.seq, Key: e.key, At: time.Unix(0, at), Data: e.frame[header:], Value: e.value}
}

func sum(frame []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli) // which is made once
	return crc32.Update(crc32.Update(0, table, frame[:atSum]), table, frame[header:])
}

// frame is one that was read. data refers to what it was read from.
type frame struct {
	seq  uint64
	kind byte
	key  Key
	at   time.Time
	data []byte
}

// state of what readFrame found.
type state uint8

const (
	whole   state = iota // a frame
	partial              // the beginning of one, of which more may follow
	damaged              // none
)

// readFrame reads the frame at the start of b, and its length.
func readFrame(b []byte) (f frame, n int, s state) {
	if len(b) < header {
		if bytes.HasPrefix([]byte(magic), b[:min(len(b), len(magic))]) || bytes.HasPrefix(b, []byte(magic)) {
			return f, 0, partial
		}
		return f, 0, damaged
	}
	size := binary.BigEndian.Uint32(b[atLength:])
	if string(b[:len(magic)]) != magic || size > MaxRecord {
		return f, 0, damaged
	}
	n = header + int(size)
	if len(b) < n {
		return f, 0, partial
	}
	if sum(b[:n]) != binary.BigEndian.Uint32(b[atSum:]) {
		return f, 0, damaged
	}
	f = frame{seq: binary.BigEndian.Uint64(b[atNumber:]), kind: b[atKind], at: time.Unix(0, int64(binary.BigEndian.Uint64(b[atTime:]))), data: b[header:n]}
	copy(f.key[:], b[atKey:])
	return f, n, whole
}

// skip is how many bytes of b are not a frame: up to the next that may be one, at least one byte.
func skip(b []byte) int {
	for i := 1; i < len(b); i++ {
		j := bytes.IndexByte(b[i:], magic[0])
		if j < 0 {
			return len(b)
		}
		if i += j; len(b)-i < len(magic) || string(b[i:i+len(magic)]) == magic {
			return i
		}
	}
	return len(b)
}
