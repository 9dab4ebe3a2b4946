#!/usr/bin/env bash
# rtpengine 10.5.3 (Debian 12, package rtpengine-daemon).
#
# A video phone offers BFCP over TCP beside its audio (RFC 8856: m=application 4002 TCP/BFCP *). rtpengine carries UDP.
# Expected: such a medium stays as it is, as MSRP over TCP does, or is refused with port 0.
# Seen: it gets a port of rtpengine's, to which nothing listens over TCP: the other side's connection is refused.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get download -qq rtpengine-daemon=10.5.3.5-1+deb12u1 >/dev/null 2>&1
dpkg -x rtpengine-daemon_*.deb r
port=$((20000 + $$ % 10000))
r/usr/bin/rtpengine --foreground --log-stderr --log-level=3 --table=-1 --config-file=none --interface=127.0.0.1 \
  --listen-ng=127.0.0.1:$port >/dev/null 2>&1 &
daemon=$!; trap 'kill $daemon; rm -rf "$dir"' EXIT
r/usr/bin/rtpengine --version 2>&1 | head -1
cat >ask.py <<'PY'
import re, socket, sys
control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
control.settimeout(1)
def encode(x):
    if isinstance(x, dict): return 'd' + ''.join(encode(k) + encode(v) for k, v in sorted(x.items())) + 'e'
    return '%d:%s' % (len(x), x)
def offer(cookie, lines):
    """an offer as rtpengine would have it sent on; None: refused"""
    sdp = '\r\n'.join(['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', *lines, ''])
    command = encode({'command': 'offer', 'call-id': 'c' + cookie, 'from-tag': 'a', 'sdp': sdp})
    for attempt in range(20):  # it may not listen yet
        control.sendto(('%s ' % cookie + command).encode(), ('127.0.0.1', int(sys.argv[1])))
        try: answer = control.recv(65536).decode()
        except (TimeoutError, ConnectionError): continue
        length, text = re.search(r'3:sdp(\d+):(.*)', answer, re.S).groups() if '3:sdp' in answer else (0, '')
        return text[:int(length)] if text else None
    sys.exit('no answer')
def listens(port):
    with socket.socket() as s:
        s.settimeout(2)
        return s.connect_ex(('127.0.0.1', port)) == 0
for n, medium in enumerate(['audio 4002 RTP/AVP 0', 'message 4002 TCP/MSRP *', 'application 4002 TCP/BFCP *', 'application 0 TCP/BFCP *']):
    text = offer(str(n), ['c=IN IP4 127.0.0.1', 't=0 0', 'm=' + medium])
    port = int(re.search(r'm=\w+ (\d+)', text).group(1))
    whose = 'refused' if port == 0 else "the phone's port" if port == 4002 else "rtpengine's port" + ('' if listens(port) else ', nothing listens over TCP')
    print('m=%s: %s' % (medium, whose))
PY
python3 ask.py "$port" | tee seen
cat >expected <<'EOF'
m=audio 4002 RTP/AVP 0: rtpengine's port, nothing listens over TCP
m=message 4002 TCP/MSRP *: the phone's port
m=application 4002 TCP/BFCP *: rtpengine's port, nothing listens over TCP
m=application 0 TCP/BFCP *: refused
EOF
diff expected seen || { echo "changed"; exit 1; }
echo "as described"
