#!/usr/bin/env bash
# tshark 4.0.17 (Debian 4.0.17-0+deb12u3), the SIP dissector.
#
# RFC 3326 writes its examples with a blank before each semicolon, and Reason may have a value per protocol.
# Expected: sip.reason_protocols and the causes of all of them.
# Seen: with the blank there is no cause, and the protocol is "Q.850 " with a blank at its end. Of two values in
# one header the second is left out: SIP;cause=200, Q.850;cause=16 has no Q.850 cause.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
for p in tshark libwireshark16 libwiretap13 libwsutil14; do
  apt-get download -qq "$p=4.0.17-0+deb12u3" >/dev/null 2>&1
done
for f in *.deb; do dpkg -x "$f" w; done
export LD_LIBRARY_PATH=$dir/w/usr/lib/x86_64-linux-gnu
cat >capture.py <<'PY'
import struct
requests = [(value,) for value in ('Q.850;cause=16;text="Terminated"', 'Q.850 ;cause=16 ;text="Terminated"', "SIP;cause=200, Q.850;cause=16")]
with open("sip.pcap", "wb") as f:
    f.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
    for n, (reason,) in enumerate(requests):
        text = "\r\n".join(["INVITE sip:bob@example.com SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK%d" % n, "From: <sip:alice@example.com>;tag=1", "To: <sip:bob@example.com>", "Reason: " + reason,
            "Call-ID: c%d" % n, "CSeq: 1 INVITE", "Max-Forwards: 70", "Content-Length: 0", "", ""]).encode()
        udp = struct.pack(">HHHH", 5060, 5060, 8 + len(text), 0) + text
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), n, 0, 64, 17, 0, bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])) + udp
        f.write(struct.pack("<IIII", 1700000000 + n, 0, len(ip), len(ip)) + ip)
with open("what", "w") as f:
    f.writelines("%s =>\n" % r[0].replace("\r\n", " ") for r in requests)
PY
python3 capture.py
w/usr/bin/tshark -v 2>/dev/null | head -1
w/usr/bin/tshark -r sip.pcap -T fields -E separator='|' -e sip.reason_protocols -e sip.reason_cause_q850 -e sip.reason_cause_sip 2>/dev/null >fields
paste -d' ' what fields | tee seen
cat >expected <<'EOF'
Q.850;cause=16;text="Terminated" => Q.850|16|
Q.850 ;cause=16 ;text="Terminated" => Q.850 ||
SIP;cause=200, Q.850;cause=16 => SIP||200
EOF
diff expected seen >/dev/null || { echo "changed"; exit 1; }
echo "as described"
