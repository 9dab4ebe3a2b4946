#!/usr/bin/env bash
# github.com/miekg/dns 1.1.73.
#
# The regexp of a NAPTR record is a regular expression with backslashes (RFC 3402 §3.2). On the wire it has one
# before "+" in !^\+39(.*)$!sip:\1@example.com!, as ENUM records for one country do. Expected: NAPTR.Regexp of an answer is
# that text.
# Seen: it is the text as a zone file has it, with each backslash doubled. Compiled as it is, it looks for a
# backslash in the number, and matches none; it has to be unescaped first.
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
	"regexp"
	"strings"

	"github.com/miekg/dns"
)

func main() {
	// The record's data as RFC 3403 §4.1 has it: order, preference, flags, services, regexp, replacement.
	text := `!^\+39(.*)$!sip:\1@example.com!`
	data := append([]byte{0, 100, 0, 10, 1, 'u', 7}, "E2U+sip"...)
	data = append(append(data, byte(len(text))), text...)
	data = append(data, 0)
	wire := append([]byte{0, 0, 35, 0, 1, 0, 0, 0, 60, 0, byte(len(data))}, data...)
	record, _, err := dns.UnpackRR(wire, 0)
	if err != nil {
		panic(err)
	}
	got := record.(*dns.NAPTR).Regexp
	fmt.Println("wire  ", text)
	fmt.Println("Regexp", got)
	for _, t := range []string{text, got} {
		fmt.Println("matches +390212345:", regexp.MustCompile(strings.Split(t, "!")[1]).MatchString("+390212345"))
	}
}
EOF
go get github.com/miekg/dns@v1.1.73 2>/dev/null
go run . | tee got
cat >expected <<'EOF'
wire   !^\+39(.*)$!sip:\1@example.com!
Regexp !^\\+39(.*)$!sip:\\1@example.com!
matches +390212345: true
matches +390212345: false
EOF
diff expected got || { echo "changed"; exit 1; }
echo "as described"
