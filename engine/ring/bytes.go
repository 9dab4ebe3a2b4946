package ring

import "bytes"

// indexNewline is where the line ends that goes on at i: the index of its LF, or len(b).
func indexNewline(b []byte, i int) int {
	if k := bytes.IndexByte(b[i:], '\n'); k >= 0 {
		return i + k
	}
	return len(b)
}

func trim(b []byte) []byte { return bytes.Trim(b, " \t\r\n") }
