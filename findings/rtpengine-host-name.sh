#!/usr/bin/env bash
# rtpengine 10.5.3 (Debian 12, package rtpengine-daemon).
#
# The address in c= may be a name (RFC 8866 §5.7: a fully qualified domain name), and so may that in a=rtcp (RFC 3605
# §2.1). Expected: rtpengine takes an offer with a name, be it that it looks it up, or waits for the phone's first packet.
# Seen: with a name in c= the offer is refused, so that a proxy without another way loses the call; a name in o= does no
# harm. Of an a=rtcp with a name there are two afterwards: the phone's, beside rtpengine's own.
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
for n, lines in enumerate([['c=IN IP4 127.0.0.1', 't=0 0', 'm=audio 4000 RTP/AVP 0'], ['c=IN IP4 localhost', 't=0 0', 'm=audio 4000 RTP/AVP 0'],
        ['c=IN IP4 127.0.0.1', 't=0 0', 'm=audio 4000 RTP/AVP 0', 'a=rtcp:4001 IN IP4 127.0.0.1'], ['c=IN IP4 127.0.0.1', 't=0 0', 'm=audio 4000 RTP/AVP 0', 'a=rtcp:4001 IN IP4 localhost']]):
    text = offer(str(n), lines)
    print(lines[0], *lines[3:], '=>', 'refused' if text is None else ', '.join(re.sub(r':3\d+', ':PORT', l) for l in text.split('\r\n') if l.startswith('a=rtcp:')))
PY
python3 ask.py "$port" | tee seen
cat >expected <<'EOF'
c=IN IP4 127.0.0.1 => a=rtcp:PORT
c=IN IP4 localhost => refused
c=IN IP4 127.0.0.1 a=rtcp:4001 IN IP4 127.0.0.1 => a=rtcp:PORT
c=IN IP4 127.0.0.1 a=rtcp:4001 IN IP4 localhost => a=rtcp:4001 IN IP4 localhost, a=rtcp:PORT
EOF
diff expected seen || { echo "changed"; exit 1; }
echo "as described"
