#!/usr/bin/env bash
# belle-sip 5.1.64, linphone's SIP stack (Debian 5.1.64+dfsg-2).
#
# Expires and Session-Expires are numbers up to 2^32-1 (RFC 3261 §20.19, RFC 4028 §4); 4294967295 is what devices write
# that want a subscription for as long as it can be.
# Expected: belle_sip_header_expires_get_expires of 4294967295 is large, or the header isn't read.
# Seen: from 2147483648 on it is negative, and is written so: `Expires: -1`, which no other stack reads. Min-Expires and
# RSeq keep such numbers.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get download -qq libbellesip-dev=5.1.64+dfsg-2 libbellesip1=5.1.64+dfsg-2 libbctoolbox-dev=5.1.64-2 libbctoolbox1=5.1.64-2 \
  libbelr1=5.1.64-2 libantlr3c-3.4-0=3.4+dfsg-4 libmbedtls14=2.28.3-1 libmbedcrypto7=2.28.3-1 libmbedx509-1=2.28.3-1 \
  libdecaf0=1.0.2-2 libavahi-compat-libdnssd1 libavahi-client3 libavahi-common3 >/dev/null 2>&1
for f in *.deb; do dpkg -x "$f" b; done
export LD_LIBRARY_PATH=$dir/b/usr/lib/x86_64-linux-gnu
cat >numbers.c <<'C'
#include <belle-sip/belle-sip.h>
#include <stdio.h>
#include <string.h>

int main(void) {
	const char *headers[] = { "Expires: 2147483647", "Expires: 2147483648", "Expires: 4294967295", "Session-Expires: 4294967295",
		"Min-Expires: 4294967295", "RSeq: 4294967295" };
	belle_sip_object_pool_push();
	for (int i = 0; i < 6; i++) {
		char text[1024], name[40];
		size_t read;
		snprintf(text, sizeof text, "SUBSCRIBE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:alice@example.com>;tag=1\r\n"
			"To: <sip:bob@example.com>\r\nCall-ID: c1\r\nCSeq: 1 SUBSCRIBE\r\nMax-Forwards: 70\r\nEvent: dialog\r\nContact: <sip:alice@192.0.2.1>\r\n%s\r\n"
			"Content-Length: 0\r\n\r\n", headers[i]);
		snprintf(name, sizeof name, "%.*s", (int)strcspn(headers[i], ":"), headers[i]);
		belle_sip_message_t *message = belle_sip_message_parse_raw(text, strlen(text), &read);
		printf("%s => %s\n", headers[i], belle_sip_object_to_string(BELLE_SIP_OBJECT(belle_sip_message_get_header(message, name))));
	}
	return 0;
}
C
gcc -w numbers.c -I b/usr/include -L "$LD_LIBRARY_PATH" -lbellesip -Wl,--allow-shlib-undefined -o numbers
./numbers 2>/dev/null | tee seen
cat >expected <<'EOF'
Expires: 2147483647 => Expires: 2147483647
Expires: 2147483648 => Expires: -2147483648
Expires: 4294967295 => Expires: -1
Session-Expires: 4294967295 => Session-Expires: -1
Min-Expires: 4294967295 => Min-Expires: 4294967295
RSeq: 4294967295 => RSeq: 4294967295
EOF
diff expected seen || { echo "changed"; exit 1; }
echo "as described"
