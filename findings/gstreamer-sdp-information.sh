#!/usr/bin/env bash
# GStreamer's SDP library 1.22.0 (Debian libgstreamer-plugins-base1.0-0 1.22.0-3+deb12u7).
#
# A medium may have a title, i=, before its c= (RFC 8866 §5.4, §9).
# Expected: gst_sdp_message_as_text writes what gst_sdp_message_parse_buffer read, a line for each.
# Seen: the i= of a medium gets no end of line: "i=Left channelc=IN IP4 192.0.2.2". Whoever reads that has no
# address for the medium, or uses the session's, and the next attribute is gone where there is no c=.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get download -qq libgstreamer-plugins-base1.0-0=1.22.0-3+deb12u7 libgstreamer-plugins-base1.0-dev=1.22.0-3+deb12u7 libgstreamer1.0-0 \
  libgstreamer1.0-dev libglib2.0-0 libglib2.0-dev libunwind8 libdw1 libelf1 >/dev/null 2>&1
for f in *.deb; do dpkg -x "$f" g; done
lib=$dir/g/usr/lib/x86_64-linux-gnu; export LD_LIBRARY_PATH=$lib:$dir/g/lib/x86_64-linux-gnu
cat >write.c <<'C'
#include <gst/sdp/gstsdpmessage.h>
#include <stdio.h>
#include <string.h>

int main(void) {
	const char *head = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\ni=A talk\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";
	const char *media[] = { "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 192.0.2.2\r\n", "m=audio 4000 RTP/AVP 0\r\ni=Left channel\r\nc=IN IP4 192.0.2.2\r\n",
		"m=audio 4000 RTP/AVP 0\r\ni=Left channel\r\na=sendonly\r\n" };
	for (int i = 0; i < 3; i++) {
		char text[512];
		GstSDPMessage *message;
		gst_sdp_message_new(&message);
		snprintf(text, sizeof text, "%s%s", head, media[i]);
		int result = gst_sdp_message_parse_buffer((guint8 *)text, strlen(text), message);
		printf("%s: ", result == GST_SDP_OK ? "read" : "not read");
		for (char *line = strtok(strstr(gst_sdp_message_as_text(message), "m="), "\r\n"); line; line = strtok(NULL, "\r\n")) printf("%s | ", line);
		printf("\n");
	}
	return 0;
}
C
gcc -w write.c -I g/usr/include/gstreamer-1.0 -I g/usr/include/glib-2.0 -I "$lib/glib-2.0/include" -L "$lib" -l:libgstsdp-1.0.so.0 \
  -l:libgstreamer-1.0.so.0 -l:libglib-2.0.so.0 -Wl,--allow-shlib-undefined -o write
./write | tee seen
cat >expected <<'EOF'
read: m=audio 4000 RTP/AVP 0 | c=IN IP4 192.0.2.2 | 
read: m=audio 4000 RTP/AVP 0 | i=Left channelc=IN IP4 192.0.2.2 | 
read: m=audio 4000 RTP/AVP 0 | i=Left channela=sendonly | 
EOF
diff expected seen || { echo "changed"; exit 1; }
echo "as described"
