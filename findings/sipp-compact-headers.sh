#!/usr/bin/env bash
# sipp 3.6.1 (Debian sip-tester 1:3.6.1-1+b2), answering requests whose headers have compact names.
#
# Expected: compact names are names (RFC 3261 §7.3.3) for all that a scenario does with a header.
# Seen: [last_From:], [last_To:], [last_Via:] and [last_Call-ID:] find f, t, v and i; [last_Subject:] does not find
# s, and its line is left out; and an ereg action with header="Contact:" does not find m, nor any other compact name.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get download -qq sip-tester=1:3.6.1-1+b2 >/dev/null 2>&1
dpkg -x sip-tester_*.deb sipp
sipp=$dir/sipp/usr/bin/sipp
{ "$sipp" -v || true; } | grep -m1 SIPp
cat >uas.xml <<'XML'
<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="uas">
  <recv request="OPTIONS">
    <action><ereg regexp=".*" search_in="hdr" header="Contact:" assign_to="contact"/></action>
  </recv>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=b
[last_Call-ID:]
[last_CSeq:]
[last_Subject:]
X-Contact: [$contact]
Content-Length: 0

]]></send>
</scenario>
XML
cat >send.py <<'PY'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
s.settimeout(2)
messages = [("long", ["Via", "From", "To", "Call-ID", "CSeq", "Contact", "Subject", "Content-Length"]),
    ("compact", ["v", "f", "t", "i", "CSeq", "m", "s", "l"])]
for n, (what, names) in enumerate(messages):
    values = ["SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%d" % (s.getsockname()[1], n), "<sip:alice@192.0.2.1>;tag=a", "<sip:bob@192.0.2.1>", "c%d" % n,
        "1 OPTIONS", "<sip:alice@192.0.2.1:5060>", "lunch", "0"]
    text = "OPTIONS sip:bob@192.0.2.1 SIP/2.0\r\nMax-Forwards: 70\r\n" + "".join("%s: %s\r\n" % pair for pair in zip(names, values)) + "\r\n"
    for attempt in range(5):
        s.sendto(text.encode(), ("127.0.0.1", int(sys.argv[1])))
        try:
            answer = s.recv(65536).decode()
            break
        except (TimeoutError, ConnectionError):
            answer = ""
    lines = [l.strip() for l in answer.split("\r\n")]
    print(what, lines[0] or "no answer", [l for l in lines if l.lower().startswith(("f:", "from", "s:", "subject", "x-contact"))] if lines[0] else "")
PY
port=$((20000 + $$ % 20000))
timeout 40 "$sipp" -sf uas.xml -i 127.0.0.1 -p "$port" -nostdin >/dev/null 2>&1 & server=$!
sleep 1
python3 send.py "$port" | tee seen
kill "$server"; wait "$server" 2>/dev/null || true
cat >expected <<'EOF'
long SIP/2.0 200 OK ['From: <sip:alice@192.0.2.1>;tag=a', 'Subject: lunch', 'X-Contact:  <sip:alice@192.0.2.1:5060>']
compact SIP/2.0 200 OK ['f: <sip:alice@192.0.2.1>;tag=a', 'X-Contact:']
EOF
diff expected seen >/dev/null || { echo "changed"; exit 1; }
echo "as described"
