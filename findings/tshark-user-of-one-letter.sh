#!/usr/bin/env bash
# tshark 4.0.17 (Debian 4.0.17-0+deb12u3), the SIP dissector.
#
# Expected: sip.from.user is the user of From's URI, however long.
# Seen: a user of one character, as an extension 7 or an operator 0 has, is left out, in From and in To; with two
# it is there. A filter sip.from.user == "7" finds nothing.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
for p in tshark libwireshark16 libwiretap13 libwsutil14; do
  apt-get download -qq "$p=4.0.17-0+deb12u3" >/dev/null 2>&1
done
for f in *.deb; do dpkg -x "$f" w; done
export LD_LIBRARY_PATH=$dir/w/usr/lib/x86_64-linux-gnu
cat >capture.py <<'PY'
import struct
requests = [("sip:%s@example.com" % user,) for user in ("7", "77", "a", "alice")]
with open("sip.pcap", "wb") as f:
    f.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
    for n, (uri,) in enumerate(requests):
        text = "\r\n".join(["INVITE sip:bob@example.com SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK%d" % n, "From: <%s>;tag=1" % uri, "To: <%s>" % uri,
            "Call-ID: c%d" % n, "CSeq: 1 INVITE", "Max-Forwards: 70", "Content-Length: 0", "", ""]).encode()
        udp = struct.pack(">HHHH", 5060, 5060, 8 + len(text), 0) + text
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), n, 0, 64, 17, 0, bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])) + udp
        f.write(struct.pack("<IIII", 1700000000 + n, 0, len(ip), len(ip)) + ip)
with open("what", "w") as f:
    f.writelines("%s =>\n" % r[0].replace("\r\n", " ") for r in requests)
PY
python3 capture.py
w/usr/bin/tshark -v 2>/dev/null | head -1
w/usr/bin/tshark -r sip.pcap -T fields -E separator='|' -e sip.from.user -e sip.to.user -e sip.from.host 2>/dev/null >fields
paste -d' ' what fields | tee seen
cat >expected <<'EOF'
sip:7@example.com => ||example.com
sip:77@example.com => 77|77|example.com
sip:a@example.com => ||example.com
sip:alice@example.com => alice|alice|example.com
EOF
diff expected seen >/dev/null || { echo "changed"; exit 1; }
echo "as described"
