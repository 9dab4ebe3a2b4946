#!/usr/bin/env bash
# Sofia-SIP 1.12.11 (Debian 1.12.11+20110422.1+1e14eea~dfsg-6): its reader and writer of SDP.
#
# b= has a type, and numbers mean what it says: AS is kbit/s (RFC 8866 §5.8), TIAS bit/s (RFC 3890), RS and RR the
# bit/s of RTCP, where 0 is "none" (RFC 3556). Unknown types are ignored.
# Expected: what is read and written has the types that it had, or leaves out those that the library doesn't know.
# Seen: the ones it doesn't know become AS: b=TIAS:64000 is b=AS:64000, a thousand times as much, and a stream that
# asked for no RTCP, b=RR:0, is one with no bandwidth, b=AS:0.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get download -qq libsofia-sip-ua-dev=1.12.11+20110422.1+1e14eea~dfsg-6 libsofia-sip-ua0=1.12.11+20110422.1+1e14eea~dfsg-6 >/dev/null 2>&1
for f in *.deb; do dpkg -x "$f" s; done
export LD_LIBRARY_PATH=$dir/s/usr/lib/x86_64-linux-gnu
cat >write.c <<'C'
#include <sofia-sip/sdp.h>
#include <stdio.h>
#include <string.h>

int main(void) {
	su_home_t home[1] = { SU_HOME_INIT(home) };
	const char *values[] = { "CT:128", "AS:80", "TIAS:64000", "RS:800", "RR:0" };
	for (int i = 0; i < 5; i++) {
		char text[512];
		snprintf(text, sizeof text, "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
			"m=audio 4000 RTP/AVP 0\r\nb=%s\r\n", values[i]);
		sdp_session_t *read = sdp_session(sdp_parse(home, text, strlen(text), 0));
		const char *line = strstr(sdp_message(sdp_print(home, read, NULL, 0, 0)), "b=");
		printf("b=%s is written as %.*s\n", values[i], (int)strcspn(line, "\r"), line);
	}
	return 0;
}
C
gcc -w write.c -I s/usr/include/sofia-sip-1.12 -L "$LD_LIBRARY_PATH" -lsofia-sip-ua -o write
./write | tee seen
cat >expected <<'EOF'
b=CT:128 is written as b=CT:128
b=AS:80 is written as b=AS:80
b=TIAS:64000 is written as b=AS:64000
b=RS:800 is written as b=AS:800
b=RR:0 is written as b=AS:0
EOF
diff expected seen || { echo "changed"; exit 1; }
echo "as described"
