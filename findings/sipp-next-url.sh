#!/usr/bin/env bash
# sipp 3.6.1 (Debian sip-tester 1:3.6.1-1+b2).
#
# [next_url] in a scenario is the URI for requests in the dialog: that of the response's Contact (rrs="true").
# Expected: sip:bob@192.0.2.7, however the Contact is written (RFC 3261 §20.10): with a display name, or with
# parameters of the header behind the URI.
# Seen: it is the whole value unless that begins with "<": the ACK's first line is `ACK "Bob" <sip:bob@192.0.2.7> SIP/2.0`,
# which no server has to read, and expires=60 becomes a parameter of the URI.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get download -qq sip-tester=1:3.6.1-1+b2 >/dev/null 2>&1
dpkg -x sip-tester_*.deb s
cat >call.xml <<'XML'
<?xml version="1.0"?><!DOCTYPE scenario SYSTEM "sipp.dtd"><scenario name="call">
<send retrans="500"><![CDATA[

INVITE sip:bob@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:alice@example.com>;tag=[call_number]
To: <sip:bob@example.com>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:alice@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Length: 0

]]></send>
<recv response="200" rrs="true"/>
<send><![CDATA[

ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:alice@example.com>;tag=[call_number]
To: <sip:bob@example.com>[peer_tag_param]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
</scenario>
XML
cat >answer.py <<'PY'
import socket, subprocess
for contact in ["<sip:bob@192.0.2.7>", "<sip:bob@192.0.2.7>;expires=60", '"Bob" <sip:bob@192.0.2.7>', "Bob <sip:bob@192.0.2.7>", "sip:bob@192.0.2.7", "sip:bob@192.0.2.7;expires=60"]:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    server.settimeout(20)
    sipp = subprocess.Popen(["s/usr/bin/sipp", "-sf", "call.xml", "-m", "1", "-nostdin", "-i", "127.0.0.1", "127.0.0.1:%d" % server.getsockname()[1]],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        data, source = server.recvfrom(65536)
        lines = data.decode().split("\r\n")
        if lines[0].startswith("ACK"):
            print(contact, "=>", lines[0], flush=True)
            break
        copied = [l for l in lines if l.split(":")[0] in ("Via", "From", "Call-ID", "CSeq")]
        server.sendto("\r\n".join(["SIP/2.0 200 OK", *copied, "To: <sip:bob@example.com>;tag=2", "Contact: " + contact, "Content-Length: 0", "", ""]).encode(), source)
    sipp.wait()
PY
{ s/usr/bin/sipp -v || true; } | grep -m1 -o "SIPp v[0-9.]*"
python3 answer.py | tee seen
cat >expected <<'EOF'
<sip:bob@192.0.2.7> => ACK sip:bob@192.0.2.7 SIP/2.0
<sip:bob@192.0.2.7>;expires=60 => ACK sip:bob@192.0.2.7 SIP/2.0
"Bob" <sip:bob@192.0.2.7> => ACK "Bob" <sip:bob@192.0.2.7> SIP/2.0
Bob <sip:bob@192.0.2.7> => ACK Bob <sip:bob@192.0.2.7> SIP/2.0
sip:bob@192.0.2.7 => ACK sip:bob@192.0.2.7 SIP/2.0
sip:bob@192.0.2.7;expires=60 => ACK sip:bob@192.0.2.7;expires=60 SIP/2.0
EOF
diff expected seen || { echo "changed"; exit 1; }
echo "as described"
