#!/usr/bin/env bash
# rtpengine 10.5.3 (Debian 12, package rtpengine-daemon).
#
# NG over TCP: a stream, so a command may arrive in pieces. The daemon closes the connection when it
# has read more than 1,024 bytes of a command and the rest is still on its way: an offer of 1,404
# bytes is answered when it comes whole or in two pieces of which the first has 900, and not when its last ten bytes
# come later. Across a network with segments of 1,460 bytes the offers of browsers (3 kB) are cut so.
# What waited for answers on that connection gets none. Expected: pieces of any size are put together.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get download -qq rtpengine-daemon=10.5.3.5-1+deb12u1 >/dev/null 2>&1
dpkg -x rtpengine-daemon_*.deb r
port=$((20000 + $$ % 10000))
r/usr/bin/rtpengine --foreground --log-stderr --log-level=3 --table=-1 --config-file=none --interface=127.0.0.1 \
  --listen-ng=127.0.0.1:$port --listen-tcp-ng=127.0.0.1:$port --num-threads=2 >/dev/null 2>&1 &
daemon=$!; trap 'kill $daemon; rm -rf "$dir"' EXIT
r/usr/bin/rtpengine --version 2>&1 | head -1
seen=$(python3 - $port <<'PY'
import socket, sys, time
def connect():
    for _ in range(100):
        try:
            c = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
            c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            c.settimeout(5)
            return c
        except ConnectionRefusedError: time.sleep(0.1)
    sys.exit('rtpengine does not listen')
def offer(lines):
    sdp = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n' + 'a=x-line:abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz\r\n' * lines
    items = [('call-id', 'c%d' % lines), ('command', 'offer'), ('from-tag', 'a'), ('sdp', sdp)]
    return ('k d' + ''.join('%d:%s%d:%s' % (len(k), k, len(v), v) for k, v in items) + 'e').encode()
for lines in 10, 20, 60:
    text = offer(lines)
    for name, at in ('whole', 0), ('the first 900', 900), ('all but ten', len(text) - 10):
        c = connect()
        if at and at < len(text):
            c.sendall(text[:at])
            time.sleep(0.3)
        try:
            c.sendall(text[at if at < len(text) else 0:])
            got = c.recv(65536)
        except OSError: got = b''
        print('%d bytes, %s: %s' % (len(text), name, 'answered' if got else 'closed'))
PY
)
echo "$seen"
cat >expected <<'EOF'
773 bytes, whole: answered
773 bytes, the first 900: answered
773 bytes, all but ten: answered
1404 bytes, whole: answered
1404 bytes, the first 900: answered
1404 bytes, all but ten: closed
3924 bytes, whole: answered
3924 bytes, the first 900: answered
3924 bytes, all but ten: closed
EOF
diff expected - <<<"$seen" || { echo "changed"; exit 1; }
echo "as described"
