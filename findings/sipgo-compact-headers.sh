#!/usr/bin/env bash
# github.com/emiago/sipgo 1.7.3.
#
# Expected: GetHeader finds headers by their compact names: those of RFC 3261 §7.3.3 (s, k), and those that extensions
# added (r of Refer-To, RFC 3515; o of Event, RFC 6665; x of Session-Expires, RFC 4028).
# Seen: f and m are found, and s, k, r, o and x are not: a REFER whose target stands in r has none.
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
	req := read("f: <sip:alice@example.com>;tag=1", "m: <sip:alice@192.0.2.1>", "s: lunch", "k: replaces", "r: <sip:carol@example.com>", "o: refer", "x: 1800")
	for _, name := range []string{"From", "Contact", "Subject", "Supported", "Refer-To", "Event", "Session-Expires"} {
		value := "none"
		if h := req.GetHeader(name); h != nil {
			value = h.Value()
		}
		fmt.Printf("%s: %s\n", name, value)
	}
}
EOF
go get github.com/emiago/sipgo@v1.7.3 2>/dev/null
go run . | tee got
cat >expected <<'EOF'
From: <sip:alice@example.com>;tag=1
Contact: <sip:alice@192.0.2.1>
Subject: none
Supported: none
Refer-To: none
Event: none
Session-Expires: none
EOF
diff expected got || { echo "changed"; exit 1; }
echo "as described"
