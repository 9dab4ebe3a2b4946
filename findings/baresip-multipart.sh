#!/usr/bin/env bash
# baresip 1.0.0 (Debian baresip-core 1.0.0-4+b3).
#
# An INVITE may carry its description in a multipart body, beside a caller's place (RFC 6442), ISUP (RFC 3204) or
# the metadata of a recording (RFC 7866); user agents understand multipart/mixed (RFC 5621), and
# refuse a body that they don't understand with 415 (RFC 3261 §8.2.3). Expected: the phone rings, or 415.
# Seen: 500 Call Error, whether the description is the first part, the second or the only one. A forking proxy
# takes that for a server that is broken.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get download -qq baresip-core=1.0.0-4+b3 >/dev/null 2>&1
dpkg -x baresip-core_*.deb b
port=$((20000 + $$ % 20000))
mkdir home
cat >home/config <<EOF
sip_listen 127.0.0.1:$port
module_path $dir/b/usr/lib/baresip/modules
module stdio.so
module g711.so
module account.so
module menu.so
EOF
echo "<sip:alice@127.0.0.1:9>;regint=0;answermode=manual" >home/accounts
touch home/contacts
cat >call.py <<'PY'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
s.settimeout(1)
there, here = ("127.0.0.1", int(sys.argv[1])), s.getsockname()[1]
sdp = ("application/sdp", "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n")
place = ("application/pidf+xml", "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='pres:bob@192.0.2.1'/>")
def mixed(*parts):
    return "multipart/mixed;boundary=part", "".join("--part\r\nContent-Type: %s\r\n\r\n%s\r\n" % p for p in parts) + "--part--\r\n"
def request(method, n, headers="", body=""):
    s.sendto(("%s sip:alice@127.0.0.1:%d SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKa%d;rport\r\nFrom: <sip:bob@192.0.2.1>;tag=a\r\n"
        "To: <sip:alice@192.0.2.1>\r\nCall-ID: c%d\r\nCSeq: 1 %s\r\nMax-Forwards: 70\r\nContact: <sip:bob@127.0.0.1:%d>\r\n%sContent-Length: %d\r\n\r\n%s"
        % (method, there[1], here, n, n, method, here, headers, len(body), body)).encode(), there)
for n, (name, (kind, body)) in enumerate([("sdp", sdp), ("mixed, sdp alone", mixed(sdp)), ("mixed, sdp first", mixed(sdp, place)), ("mixed, sdp second", mixed(place, sdp))]):
    for attempt in range(8):
        request("INVITE", n, "Content-Type: %s\r\n" % kind, body)
        try:
            answer = s.recv(65536).decode()
            while "Call-ID: c%d\r\n" % n not in answer:
                answer = s.recv(65536).decode()
            print("%s: %s" % (name, answer.split("\r\n")[0]))
            break
        except (TimeoutError, ConnectionError):
            pass
    request("CANCEL", n)
PY
timeout 30 b/usr/bin/baresip -f home -4 >log 2>&1 </dev/null & phone=$!
sleep 1
python3 call.py "$port" | tee got
kill "$phone"; wait "$phone" 2>/dev/null || true
grep -o 'baresip v[0-9.]*' log | head -1
cat >expected <<'EOF'
sdp: SIP/2.0 180 Ringing
mixed, sdp alone: SIP/2.0 500 Call Error
mixed, sdp first: SIP/2.0 500 Call Error
mixed, sdp second: SIP/2.0 500 Call Error
EOF
diff expected got || { echo "changed"; exit 1; }
echo "as described"
