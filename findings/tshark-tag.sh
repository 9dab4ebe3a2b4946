#!/usr/bin/env bash
# tshark 4.0.17 (Debian 4.0.17-0+deb12u3), the SIP dissector.
#
# Names of parameters have no case, and blanks may stand around ";" and "=" (RFC 3261 §7.3.1, §25.1 SEMI, EQUAL).
# Expected: sip.from.tag is there in all of these.
# Seen: it is missing with ;TAG= and with blanks around the "=", and there with a blank or a fold before ";tag".
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
for p in tshark libwireshark16 libwiretap13 libwsutil14; do
  apt-get download -qq "$p=4.0.17-0+deb12u3" >/dev/null 2>&1
done
for f in *.deb; do dpkg -x "$f" w; done
export LD_LIBRARY_PATH=$dir/w/usr/lib/x86_64-linux-gnu
cat >capture.py <<'PY'
import struct
requests = [("<sip:alice@example.com>" + tag,) for tag in (";tag=1", ";TAG=1", " ;tag=1", "\r\n ;tag=1", ";tag = 1")]
with open("sip.pcap", "wb") as f:
    f.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
    for n, (value,) in enumerate(requests):
        text = "\r\n".join(["INVITE sip:bob@example.com SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK%d" % n, "From: " + value, "To: <sip:bob@example.com>",
            "Call-ID: c%d" % n, "CSeq: 1 INVITE", "Max-Forwards: 70", "Content-Length: 0", "", ""]).encode()
        udp = struct.pack(">HHHH", 5060, 5060, 8 + len(text), 0) + text
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), n, 0, 64, 17, 0, bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])) + udp
        f.write(struct.pack("<IIII", 1700000000 + n, 0, len(ip), len(ip)) + ip)
with open("what", "w") as f:
    f.writelines("%s =>\n" % r[0].replace("\r\n", " ") for r in requests)
PY
python3 capture.py
w/usr/bin/tshark -v 2>/dev/null | head -1
w/usr/bin/tshark -r sip.pcap -T fields -E separator='|' -e sip.from.user -e sip.from.tag 2>/dev/null >fields
paste -d' ' what fields | tee seen
cat >expected <<'EOF'
<sip:alice@example.com>;tag=1 => alice|1
<sip:alice@example.com>;TAG=1 => alice|
<sip:alice@example.com> ;tag=1 => alice|1
<sip:alice@example.com>  ;tag=1 => alice|1
<sip:alice@example.com>;tag = 1 => alice|
EOF
diff expected seen >/dev/null || { echo "changed"; exit 1; }
echo "as described"
