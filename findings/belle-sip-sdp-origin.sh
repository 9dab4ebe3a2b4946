#!/usr/bin/env bash
# belle-sip 5.1.64, linphone's SIP stack (Debian 5.1.64+dfsg-2): its reader of SDP.
#
# The session id and version of o= are numeric strings of any length (RFC 8866 §9: sess-id = 1*DIGIT). A browser's ids have
# 63 bits (RFC 9429 §5.2.1), and an NTP time in 64 bits is another usual choice.
# Expected: numbers as they are, or as large as 64 bits are.
# Seen: their lower 32 bits. A session whose version goes from 4294967295 to 4294967296 goes from 4294967295 to 0.
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
	{ "seconds of NTP", "2890844526 2890842807", "", "t=0 0\r\n", "audio 4000 RTP/AVP 0" },
	{ "JSEP", "4611731400430051336 2", "", "t=0 0\r\n", "audio 4000 RTP/AVP 0" },
	{ "2^32-1", "1 4294967295", "", "t=0 0\r\n", "audio 4000 RTP/AVP 0" },
	{ "2^32", "1 4294967296", "", "t=0 0\r\n", "audio 4000 RTP/AVP 0" },
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
			if (*line == 'o') printf("%s%s", n++ ? " | " : "", line);
		printf("%s\n", n ? "" : "none");
	}
	return 0;
}
C
gcc -w read.c -I b/usr/include -L "$LD_LIBRARY_PATH" -lbellesip -Wl,--allow-shlib-undefined -o read
./read 2>/dev/null | tee seen
cat >expected <<'EOF'
seconds of NTP: o=alice 2890844526 2890842807 IN IP4 192.0.2.9
JSEP: o=alice 1378213896 2 IN IP4 192.0.2.9
2^32-1: o=alice 1 4294967295 IN IP4 192.0.2.9
2^32: o=alice 1 0 IN IP4 192.0.2.9
EOF
diff expected seen || { echo "changed"; exit 1; }
echo "as described"
