#!/usr/bin/env bash
# github.com/pion/sdp/v3 3.0.20.
#
# Expected: SessionDescription.Unmarshal reads the media types that RFC 8866 §8.2.2 lists: audio, video, text,
# application, message, and image, which a fax machine offers (m=image 4000 udptl t38, ITU-T T.38 Annex D); and as
# many e= and p= lines as there are (§9: *email-fields).
# Seen: m=image is an error, and so is a second e= line. A server that parses with it can't carry a fax call.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT; cd "$dir"
cat >go.mod <<'EOF'
module finding
go 1.24
EOF
cat >main.go <<'EOF'
package main

import (
	"fmt"

	"github.com/pion/sdp/v3"
)

func main() {
	const head, times = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n", "c=IN IP4 192.0.2.1\r\nt=0 0\r\n"
	for _, c := range []struct{ name, text string }{
		{"m=audio", head + times + "m=audio 4000 RTP/AVP 0\r\n"},
		{"m=image", head + times + "m=image 4000 udptl t38\r\na=T38FaxVersion:0\r\n"},
		{"one e=", head + "e=alice@example.com\r\n" + times},
		{"two e=", head + "e=alice@example.com\r\ne=bob@example.com\r\n" + times},
	} {
		var s sdp.SessionDescription
		fmt.Println(c.name, s.UnmarshalString(c.text))
	}
}
EOF
go get github.com/pion/sdp/v3@v3.0.20 2>/dev/null
go run . | tee got
cat >expected <<'EOF'
m=audio <nil>
m=image sdp: invalid value `image`
one e= <nil>
two e= sdp: syntax error at pos 58: "="
EOF
diff expected got || { echo "changed"; exit 1; }
echo "as described"
