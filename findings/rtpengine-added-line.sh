#!/usr/bin/env bash
# rtpengine 10.5.3 (Debian 12, package rtpengine-daemon).
#
# Lines of a description end with CRLF (RFC 8866 §5). rtpengine leaves MSRP as it is, and writes its address, which may
# be no longer the session's, in a c= line of its own.
# Expected: that line ends as the others do.
# Seen: it ends with LF alone. Who divides at CRLF reads `c=IN IP4 127.0.0.1` and `a=path:…` as one line.
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
for n, medium in enumerate([['m=audio 4000 RTP/AVP 0'], ['m=message 2855 TCP/MSRP *', 'a=path:msrp://127.0.0.1:2855/x;tcp']]):
    text = offer(str(n), ['c=IN IP4 127.0.0.1', 't=0 0', *medium])
    for line in text[text.index('m='):].split('\r\n'):
        if not re.match('a=(rtcp|rtpmap|sendrecv)', line) and line:
            print(repr(re.sub('m=audio [0-9]+', 'm=audio PORT', line)))
PY
python3 ask.py "$port" | tee seen
cat >expected <<'EOF'
'm=audio PORT RTP/AVP 0'
'm=message 2855 TCP/MSRP *'
'c=IN IP4 127.0.0.1\na=path:msrp://127.0.0.1:2855/x;tcp'
EOF
diff expected seen || { echo "changed"; exit 1; }
echo "as described"
