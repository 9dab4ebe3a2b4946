#!/usr/bin/env bash
# sngrep 1.6.0 (Debian 1.6.0-1).
#
# Over TCP a message ends where Content-Length says, and the next may follow in the same segment, or after the CRLFs of
# a keep-alive, which are skipped (RFC 3261 §7.5, §18.3; RFC 5626 §4.4.1).
# Expected: each INVITE of a capture is a dialog of the list.
# Seen: of the INVITEs in one segment only the first is there. One with a keep-alive before it in its segment is not,
# nor is one whose predecessor had CRLF after it. A call is missing, or seems to have got no answer; in segments of
# their own, and divided in the middle, messages are found.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get download -qq sngrep=1.6.0-1 >/dev/null 2>&1
dpkg -x sngrep_*.deb s
cat >capture.py <<'PY'
import struct
def invite(n):
    return "\r\n".join(["INVITE sip:bob@example.com SIP/2.0", "Via: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK%d" % n, "From: <sip:alice@example.com>;tag=1", "To: <sip:bob@example.com>",
        "Call-ID: c%d" % n, "CSeq: 1 INVITE", "Max-Forwards: 70", "Contact: <sip:alice@192.0.2.1;transport=tcp>", "Content-Length: 0", "", ""]).encode()
a, b, c, ping = invite(1), invite(2), invite(3), b"\r\n\r\n"
for name, segments in {"1 three segments": [a, b, c], "2 one segment": [a + b + c], "3 divided in the middle": [a, b + c[:90], c[90:]], "4 a keep-alive in a segment of its own": [a, ping, b, ping, c],
        "5 a keep-alive and an INVITE in a segment": [a, ping + b, ping + c], "6 CRLF at the end of a segment": [a + b"\r\n", b + b"\r\n", c]}.items():
    with open(name + ".pcap", "wb") as f:
        f.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
        at = 1
        for n, data in enumerate(segments):
            tcp = struct.pack(">HHIIBBHHH", 40000, 5060, at, 1, 0x50, 0x18, 65535, 0, 0) + data
            ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), n, 0, 64, 6, 0, bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])) + tcp
            f.write(struct.pack("<IIII", 1700000000 + n, 0, len(ip), len(ip)) + ip)
            at += len(data)
PY
python3 capture.py
s/usr/bin/sngrep -V | head -1
for f in *.pcap; do
  printf '%s: %s\n' "$(basename "$f" .pcap)" "$(s/usr/bin/sngrep -F -N -I "$f" 2>/dev/null </dev/null | tr '\r' '\n' | grep -o 'Dialog count: [0-9]*' | tail -1)"
done | tee seen
cat >expected <<'EOF'
1 three segments: Dialog count: 3
2 one segment: Dialog count: 1
3 divided in the middle: Dialog count: 3
4 a keep-alive in a segment of its own: Dialog count: 3
5 a keep-alive and an INVITE in a segment: Dialog count: 1
6 CRLF at the end of a segment: Dialog count: 2
EOF
diff expected seen >/dev/null || { echo "changed"; exit 1; }
echo "as described"
