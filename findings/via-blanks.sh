#!/usr/bin/env bash
# libre 1.1.0 (baresip's SIP stack, Debian libre0 1.1.0-1+b2) and belle-sip 5.1.64 (linphone's, Debian 5.1.64+dfsg-2).
#
# RFC 3261 §20.42 gives an example of a Via with blanks: SIP / 2.0 / UDP first.example.com: 4000;ttl=16 ;maddr=… ;branch=…
# Expected: sent-by is first.example.com, port 4000, and the parameters are found.
# Seen: it is the blank before the port. libre takes "first.example.com:" for sent-by, without a port, and begins the
# parameters with "4000": belle-sip does not read the header.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get download -qq libre-dev=1.1.0-1+b2 libre0=1.1.0-1+b2 libbellesip-dev=5.1.64+dfsg-2 libbellesip1=5.1.64+dfsg-2 \
  libbctoolbox-dev=5.1.64-2 libbctoolbox1=5.1.64-2 libbelr1=5.1.64-2 libantlr3c-3.4-0=3.4+dfsg-4 libmbedtls14=2.28.3-1 \
  libmbedcrypto7=2.28.3-1 libmbedx509-1=2.28.3-1 libdecaf0=1.0.2-2 libavahi-compat-libdnssd1 libavahi-client3 libavahi-common3 >/dev/null 2>&1
for f in *.deb; do dpkg -x "$f" r; done
export LD_LIBRARY_PATH=$dir/r/usr/lib/x86_64-linux-gnu
cat >values.h <<'C'
static const char *values[] = { "SIP/2.0/UDP first.example.com:4000;ttl=16;branch=z9hG4bKa7c6a8dlze.1",
	"SIP / 2.0 / UDP first.example.com:4000;ttl=16;branch=z9hG4bKa7c6a8dlze.1",
	"SIP/2.0/UDP first.example.com:4000 ;ttl=16 ;branch=z9hG4bKa7c6a8dlze.1",
	"SIP/2.0/UDP first.example.com: 4000;ttl=16;branch=z9hG4bKa7c6a8dlze.1",
	"SIP / 2.0 / UDP first.example.com: 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1" };
C
cat >re.c <<'C'
#include <re.h>
#include <stdio.h>
#include <string.h>
#include "values.h"

int main(void) {
	for (int i = 0; i < 5; i++) {
		struct sip_via via;
		struct pl text = { values[i], strlen(values[i]) };
		if (sip_via_decode(&via, &text)) { printf("libre: not read\n"); continue; }
		printf("libre: sent-by <%.*s>, parameters <%.*s>\n", (int)via.sentby.l, via.sentby.p, (int)via.params.l, via.params.p);
	}
	return 0;
}
C
cat >belle.c <<'C'
#include <belle-sip/belle-sip.h>
#include <stdio.h>
#include "values.h"

int main(void) {
	belle_sip_object_pool_push();
	for (int i = 0; i < 5; i++) {
		char text[256];
		snprintf(text, sizeof text, "Via: %s", values[i]);
		belle_sip_header_via_t *via = belle_sip_header_via_parse(text);
		if (via) printf("belle-sip: host %s, port %d\n", belle_sip_header_via_get_host(via), belle_sip_header_via_get_port(via));
		else printf("belle-sip: not read\n");
	}
	return 0;
}
C
gcc -w -DHAVE_INTTYPES_H -DHAVE_STDBOOL_H -DHAVE_INET6 re.c -I r/usr/include/re -L "$LD_LIBRARY_PATH" -lre -o re
gcc -w belle.c -I r/usr/include -L "$LD_LIBRARY_PATH" -lbellesip -Wl,--allow-shlib-undefined -o belle
{ ./re; ./belle; } 2>/dev/null | tee seen
cat >expected <<'EOF'
libre: sent-by <first.example.com:4000>, parameters <;ttl=16;branch=z9hG4bKa7c6a8dlze.1>
libre: sent-by <first.example.com:4000>, parameters <;ttl=16;branch=z9hG4bKa7c6a8dlze.1>
libre: sent-by <first.example.com:4000>, parameters <;ttl=16 ;branch=z9hG4bKa7c6a8dlze.1>
libre: sent-by <first.example.com:>, parameters <4000;ttl=16;branch=z9hG4bKa7c6a8dlze.1>
libre: sent-by <first.example.com:>, parameters <4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1>
belle-sip: host first.example.com, port 4000
belle-sip: host first.example.com, port 4000
belle-sip: host first.example.com, port 4000
belle-sip: not read
belle-sip: not read
EOF
diff expected seen || { echo "changed"; exit 1; }
echo "as described"
