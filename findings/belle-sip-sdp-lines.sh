#!/usr/bin/env bash
# belle-sip 5.1.64, linphone's SIP stack (Debian 5.1.64+dfsg-2): its reader of SDP.
#
# A description may have u= and p= (RFC 8866 §5.5, §5.6), and z= after t= and r= (§5.11).
# Expected: what a phone has no use for is skipped, and its media are found.
# Seen: with u= or p= nothing is read, not even the RFC's own examples of both. With z= there is no medium, and no
# error. e=, t= with r=, and i= do no harm.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get download -qq libbellesip-dev=5.1.64+dfsg-2 libbellesip1=5.1.64+dfsg-2 libbctoolbox-dev=5.1.64-2 libbctoolbox1=5.1.64-2 \
  libbelr1=5.1.64-2 libantlr3c-3.4-0=3.4+dfsg-4 libmbedtls14=2.28.3-1 libmbedcrypto7=2.28.3-1 libmbedx509-1=2.28.3-1 \
  libdecaf0=1.0.2-2 libavahi-compat-libdnssd1 libavahi-client3 libavahi-common3 >/dev/null 2>&1
for f in *.deb; do dpkg -x "$f" b; done
export LD_LIBRARY_PATH=$dir/b/usr/lib/x86_64-linux-gnu
cat >read.c <<'C'
#include <belle-sip/belle-sip.h>
#include <belle-sip/belle-sdp.h>
#include <stdio.h>
#include <string.h>

static const char *cases[][5] = {
	{ "e=", "1 1", "e=alice@example.com\r\n", "t=0 0\r\n", "audio 4000 RTP/AVP 0" },
	{ "u=", "1 1", "u=http://www.example.com/demo/\r\n", "t=0 0\r\n", "audio 4000 RTP/AVP 0" },
	{ "p=", "1 1", "p=+1 617 555-6011\r\n", "t=0 0\r\n", "audio 4000 RTP/AVP 0" },
	{ "one t=", "1 1", "", "t=3034423619 3042462419\r\nr=604800 3600 0 90000\r\n", "audio 4000 RTP/AVP 0" },
	{ "z=", "1 1", "", "t=3034423619 3042462419\r\nz=2882844526 -3600\r\n", "audio 4000 RTP/AVP 0" },
};

int main(void) {
	belle_sip_object_pool_push();
	for (int i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[1024];
		snprintf(text, sizeof text, "v=0\r\no=alice %s IN IP4 192.0.2.9\r\ns=-\r\n%sc=IN IP4 192.0.2.1\r\n%sm=%s\r\n",
			cases[i][1], cases[i][2], cases[i][3], cases[i][4]);
		belle_sdp_session_description_t *read = belle_sdp_session_description_parse(text);
		printf("%s: ", cases[i][0]);
		if (!read) { printf("not read\n"); continue; }
		char *line = strtok(belle_sip_object_to_string(BELLE_SIP_OBJECT(read)), "\r\n");
		int n = 0;
		for (; line; line = strtok(NULL, "\r\n"))
			if (*line == 'm') printf("%s%s", n++ ? " | " : "", line);
		printf("%s\n", n ? "" : "none");
	}
	return 0;
}
C
gcc -w read.c -I b/usr/include -L "$LD_LIBRARY_PATH" -lbellesip -Wl,--allow-shlib-undefined -o read
./read 2>/dev/null | tee seen
cat >expected <<'EOF'
e=: m=audio 4000 RTP/AVP 0
u=: not read
p=: not read
one t=: m=audio 4000 RTP/AVP 0
z=: none
EOF
diff expected seen || { echo "changed"; exit 1; }
echo "as described"
