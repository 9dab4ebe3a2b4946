#!/usr/bin/env bash
# libre 1.1.0, baresip's SIP stack (Debian libre0 1.1.0-1+b2).
#
# A display name is a quoted string, or words without quotes (RFC 3261 §25.1: display-name = *(token LWS)/ quoted-string),
# as in the RFC's example A. G. Bell (§20.10).
# Expected: the name of `From: Alice Smith <sip:alice@example.com>` is Alice Smith.
# Seen: the last word alone, Smith. A phone built on it shows callers by it; in quotes the name is whole.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get download -qq libre-dev=1.1.0-1+b2 libre0=1.1.0-1+b2 >/dev/null 2>&1
for f in *.deb; do dpkg -x "$f" r; done
export LD_LIBRARY_PATH=$dir/r/usr/lib/x86_64-linux-gnu
cat >names.c <<'C'
#include <re.h>
#include <stdio.h>
#include <string.h>

int main(void) {
	const char *values[] = { "\"Alice Smith\" <sip:alice@example.com>;tag=1", "Alice <sip:alice@example.com>;tag=1",
		"Alice Smith <sip:alice@example.com>;tag=1", "A. G. Bell <sip:agb@example.com>;tag=1" };
	for (int i = 0; i < 4; i++) {
		struct mbuf *text = mbuf_alloc(1024);
		struct sip_msg *message = NULL;
		mbuf_printf(text, "INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: %s\r\n"
			"To: <sip:bob@example.com>\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n", values[i]);
		mbuf_set_pos(text, 0);
		if (sip_msg_decode(&message, text)) printf("not read\n");
		else printf("%s => %.*s\n", values[i], (int)message->from.dname.l, message->from.dname.p);
	}
	return 0;
}
C
gcc -w -DHAVE_INTTYPES_H -DHAVE_STDBOOL_H -DHAVE_INET6 names.c -I r/usr/include/re -L "$LD_LIBRARY_PATH" -lre -o names
./names | tee seen
cat >expected <<'EOF'
"Alice Smith" <sip:alice@example.com>;tag=1 => Alice Smith
Alice <sip:alice@example.com>;tag=1 => Alice
Alice Smith <sip:alice@example.com>;tag=1 => Smith
A. G. Bell <sip:agb@example.com>;tag=1 => Bell
EOF
diff expected seen || { echo "changed"; exit 1; }
echo "as described"
