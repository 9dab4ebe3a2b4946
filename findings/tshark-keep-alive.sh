#!/usr/bin/env bash
# tshark 4.0.17 (Debian 4.0.17-0+deb12u3), the SIP dissector.
#
# CRLFs before a start line are skipped (RFC 3261 §7.5), and over TCP a client sends two of them as a keep-alive (RFC 5626
# §4.4.1), which may share a segment with its next request.
# Expected: the request after them is SIP.
# Seen: it isn't: `-Y sip` leaves the packet out, and so it is with every message of that segment. In a segment of
# their own they do no harm.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get download -qq tshark=4.0.17-0+deb12u3 libwireshark16=4.0.17-0+deb12u3 libwiretap13=4.0.17-0+deb12u3 libwsutil14=4.0.17-0+deb12u3 >/dev/null 2>&1
for f in *.deb; do dpkg -x "$f" w; done
export LD_LIBRARY_PATH=$dir/w/usr/lib/x86_64-linux-gnu
cat >capture.py <<'PY'
import struct
def invite(user):
    return "\r\n".join(["INVITE sip:bob@example.com SIP/2.0", "Via: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK" + user, "From: <sip:%s@example.com>;tag=1" % user, "To: <sip:bob@example.com>",
        "Call-ID: " + user, "CSeq: 1 INVITE", "Max-Forwards: 70", "Contact: <sip:alice@192.0.2.1;transport=tcp>", "Content-Length: 0", "", ""]).encode()
ping = b"\r\n\r\n"
with open("sip.pcap", "wb") as f:
    f.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
    for n, segments in enumerate([[invite("anna"), ping, invite("bert")], [invite("carl") + ping, invite("dora")], [invite("emil"), ping + invite("fritz")], [ping + invite("gerd") + invite("hans")]]):
        at = 1
        for data in segments:
            tcp = struct.pack(">HHIIBBHHH", 40000 + n, 5060, at, 1, 0x50, 0x18, 65535, 0, 0) + data
            ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), at & 0xffff, 0, 64, 6, 0, bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])) + tcp
            f.write(struct.pack("<IIII", 1700000000 + n, 0, len(ip), len(ip)) + ip)
            at += len(data)
PY
python3 capture.py
w/usr/bin/tshark -v 2>/dev/null | head -1
w/usr/bin/tshark -r sip.pcap -Y sip -T fields -e sip.from.user 2>/dev/null | tee seen
cat >expected <<'EOF'
anna
bert
carl
dora
emil
EOF
diff expected seen >/dev/null || { echo "changed"; exit 1; }
echo "as described"
