package rtpengine

import "bytes"

// changesCodecs reports whether the daemon may transcode what either side of the call sends.
func (s *session) changesCodecs(l *leg) bool {
	return s.note.caller.Codec.transcodes() || l.callee.Codec.transcodes() || s.note.callee.Codec.transcodes()
}

func (c *Codec) transcodes() bool { return len(c.Transcode) > 0 || len(c.Mask) > 0 }

// described is the text of a description as the daemon gets it. Transcoded audio has another SSRC
// than its sender announced (RFC 5576 §4.1), which the daemon passes on all the same: a browser
// then waits for a stream that never comes, and does not play the one that does.
func (s *session) described(l *leg, text []byte) string {
	return toDaemon(text, s.changesCodecs(l))
}

func toDaemon(text []byte, transcodes bool) string {
	if !transcodes || !bytes.Contains(text, []byte("\na=ssrc")) {
		return string(text)
	}
	out, audio := make([]byte, 0, len(text)), false
	for line := range bytes.Lines(text) {
		if bytes.HasPrefix(line, []byte("m=")) {
			audio = bytes.HasPrefix(line, []byte("m=audio "))
		}
		if !audio || !bytes.HasPrefix(line, []byte("a=ssrc:")) && !bytes.HasPrefix(line, []byte("a=ssrc-group:")) {
			out = append(out, line...)
		}
	}
	return string(out)
}
