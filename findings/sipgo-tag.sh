#!/usr/bin/env bash
# github.com/emiago/sipgo 1.7.3.
#
# Names of parameters have no case, and blanks may stand around "=" (RFC 3261 §7.3.1, §25.1 EQUAL). Expected: the tag of
# From is found in all of these, and what is written means what was read.
# Seen: it is found in the first alone. With blanks, what is written is ;tag =" 1", a text in quotes, which is not a
# tag, and so it stands in responses.
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
	"strings"

	"github.com/emiago/sipgo/sip"
)

func read(lines ...string) *sip.Request {
	text := append([]string{"REFER sip:bob@example.com SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa", "To: <sip:bob@example.com>;tag=2",
		"Call-ID: c", "CSeq: 1 REFER", "Max-Forwards: 70"}, append(lines, "Content-Length: 0", "", "")...)
	m, err := sip.NewParser().ParseSIP([]byte(strings.Join(text, "\r\n")))
	if err != nil {
		panic(err)
	}
	return m.(*sip.Request)
}

func main() {
	for _, tag := range []string{";tag=1", ";TAG=1", ";tag = 1"} {
		from := read("From: <sip:alice@example.com>"+tag, "Contact: <sip:alice@192.0.2.1>", "Refer-To: <sip:carol@example.com>").From()
		found, ok := from.Params.Get("tag")
		fmt.Printf("%s: tag %q %v, written %s\n", tag, found, ok, from.Value())
	}
}
EOF
go get github.com/emiago/sipgo@v1.7.3 2>/dev/null
go run . | tee got
cat >expected <<'EOF'
;tag=1: tag "1" true, written <sip:alice@example.com>;tag=1
;TAG=1: tag "" false, written <sip:alice@example.com>;TAG=1
;tag = 1: tag "" false, written <sip:alice@example.com>;tag =" 1"
EOF
diff expected got || { echo "changed"; exit 1; }
echo "as described"
