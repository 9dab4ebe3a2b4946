#!/usr/bin/env bash
# tshark 4.0.17 (Debian 4.0.17-0+deb12u3), the SIP dissector.
#
# The scheme of a URI has no case (RFC 3261 §19.1.4, RFC 3986 §3.1): SIP:bob@example.com is sip:bob@example.com.
# Expected: the same fields for both.
# Seen: of a URI with its scheme in capitals there is neither user nor host, in From, To, Contact and Request-URI: a
# filter by user or host misses the call. The tag is found.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
for p in tshark libwireshark16 libwiretap13 libwsutil14; do
  apt-get download -qq "$p=4.0.17-0+deb12u3" >/dev/null 2>&1
done
for f in *.deb; do dpkg -x "$f" w; done
export LD_LIBRARY_PATH=$dir/w/usr/lib/x86_64-linux-gnu
cat >capture.py <<'PY'
import struct
schemes = ["sip", "SIP", "Sip", "sips", "SIPS"]
with open("sip.pcap", "wb") as f:
    f.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
    for n, scheme in enumerate(schemes):
        text = "\r\n".join(["INVITE %s:bob@example.com SIP/2.0" % scheme, "Via: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK%d" % n, "From: <%s:alice@example.com>;tag=1" % scheme,
            "To: <%s:bob@example.com>" % scheme, "Contact: <%s:alice@192.0.2.1>" % scheme, "Call-ID: c%d" % n, "CSeq: 1 INVITE", "Max-Forwards: 70", "Content-Length: 0", "", ""]).encode()
        udp = struct.pack(">HHHH", 5060, 5060, 8 + len(text), 0) + text
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), n, 0, 64, 17, 0, bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])) + udp
        f.write(struct.pack("<IIII", 1700000000 + n, 0, len(ip), len(ip)) + ip)
with open("what", "w") as f:
    f.writelines("%s:\n" % s for s in schemes)
PY
python3 capture.py
w/usr/bin/tshark -v 2>/dev/null | head -1
w/usr/bin/tshark -r sip.pcap -T fields -E separator='|' -e sip.r-uri.user -e sip.from.user -e sip.from.host -e sip.from.tag -e sip.to.user -e sip.contact.user 2>/dev/null >fields
paste -d' ' what fields | tee seen
cat >expected <<'EOF'
sip: bob|alice|example.com|1|bob|alice
SIP: |||1||
Sip: |||1||
sips: bob|alice|example.com|1|bob|alice
SIPS: |||1||
EOF
diff expected seen >/dev/null || { echo "changed"; exit 1; }
echo "as described"
