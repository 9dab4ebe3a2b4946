#!/usr/bin/env bash
# belle-sip 5.1.64, linphone's SIP stack (Debian 5.1.64+dfsg-2).
#
# Values of one header may stand in one line, with commas (RFC 3261 §7.3.1), and a response has the Vias of its request,
# in their order (§8.2.6.2).
# Expected: belle_sip_response_create_from_request writes the three values of `Via: a, b, c` as three.
# Seen: six: a, b, c, then what follows b, and what follows c. An element that takes its Via off and sends the response
# on leaves a client with two, which must drop it (§8.1.3.3). In three lines the same Vias stay three.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get download -qq libbellesip-dev=5.1.64+dfsg-2 libbellesip1=5.1.64+dfsg-2 libbctoolbox-dev=5.1.64-2 libbctoolbox1=5.1.64-2 \
  libbelr1=5.1.64-2 libantlr3c-3.4-0=3.4+dfsg-4 libmbedtls14=2.28.3-1 libmbedcrypto7=2.28.3-1 libmbedx509-1=2.28.3-1 \
  libdecaf0=1.0.2-2 libavahi-compat-libdnssd1 libavahi-client3 libavahi-common3 >/dev/null 2>&1
for f in *.deb; do dpkg -x "$f" b; done
export LD_LIBRARY_PATH=$dir/b/usr/lib/x86_64-linux-gnu
cat >respond.c <<'C'
#include <belle-sip/belle-sip.h>
#include <stdio.h>
#include <string.h>

static void respond(const char *name, const char *vias) {
	char text[1024];
	size_t read;
	snprintf(text, sizeof text, "INVITE sip:bob@example.com SIP/2.0\r\n%sFrom: <sip:alice@example.com>;tag=1\r\n"
		"To: <sip:bob@example.com>\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n"
		"Contact: <sip:alice@192.0.2.3>\r\nContent-Length: 0\r\n\r\n", vias);
	belle_sip_message_t *request = belle_sip_message_parse_raw(text, strlen(text), &read);
	belle_sip_response_t *response = belle_sip_response_create_from_request(BELLE_SIP_REQUEST(request), 200);
	printf("%s\n", name);
	for (char *line = strtok(belle_sip_object_to_string(BELLE_SIP_OBJECT(response)), "\r\n"); line; line = strtok(NULL, "\r\n"))
		if (!strncmp(line, "Via", 3)) printf("  %s\n", line);
}

int main(void) {
	belle_sip_object_pool_push();
	respond("three lines:", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKb\r\n"
		"Via: SIP/2.0/UDP 192.0.2.3;branch=z9hG4bKc\r\n");
	respond("one line:", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa, SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKb, "
		"SIP/2.0/UDP 192.0.2.3;branch=z9hG4bKc\r\n");
	return 0;
}
C
gcc -w respond.c -I b/usr/include -L "$LD_LIBRARY_PATH" -lbellesip -Wl,--allow-shlib-undefined -o respond
./respond 2>/dev/null | tee seen
cat >expected <<'EOF'
three lines:
  Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa
  Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKb
  Via: SIP/2.0/UDP 192.0.2.3;branch=z9hG4bKc
one line:
  Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa
  Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKb
  Via: SIP/2.0/UDP 192.0.2.3;branch=z9hG4bKc
  Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKb
  Via: SIP/2.0/UDP 192.0.2.3;branch=z9hG4bKc
  Via: SIP/2.0/UDP 192.0.2.3;branch=z9hG4bKc
EOF
diff expected seen || { echo "changed"; exit 1; }
echo "as described"
