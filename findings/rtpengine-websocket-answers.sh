#!/usr/bin/env bash
# rtpengine 10.5.3 (Debian 12, package rtpengine-daemon).
#
# NG over WebSocket: a client may have several commands in progress, as over UDP and TCP, and tells
# the answers apart by their cookies. The threads that answer write the cookie and the dictionary of
# an answer one after the other, and another thread's now and then come between: a frame with two
# cookies and one dictionary, then one with a dictionary and no cookie. Both commands seem to have no
# answer. With one command at a time, and over TCP, all answers are whole. Expected: so are these.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get download -qq rtpengine-daemon=10.5.3.5-1+deb12u1 >/dev/null 2>&1
dpkg -x rtpengine-daemon_*.deb r
port=$((20000 + $$ % 10000))
r/usr/bin/rtpengine --foreground --log-stderr --log-level=3 --table=-1 --config-file=none --interface=127.0.0.1 \
  --listen-ng=127.0.0.1:$port --listen-http=127.0.0.1:$port --num-threads=4 >/dev/null 2>&1 &
daemon=$!; trap 'kill $daemon; rm -rf "$dir"' EXIT
r/usr/bin/rtpengine --version 2>&1 | head -1
sleep 1
seen=$(python3 - $port <<'PY'
import re, socket, struct, sys
def connect():
    c = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
    c.settimeout(5)
    c.sendall(b'GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
              b'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ng.rtpengine.com\r\n\r\n')
    got = b''
    while b'\r\n\r\n' not in got: got += c.recv(4096)
    return c, bytearray(got.split(b'\r\n\r\n', 1)[1])
def frame(c, got):
    while len(got) < 2 or len(got) < 2 + got[1]: got += c.recv(4096)
    n = 2 + got[1]
    text = bytes(got[2:n])
    del got[:n]
    return text.decode()
def mixed(together, total):
    c, got = connect()
    sent = bad = 0
    for received in range(total):
        while sent < total and sent - received < together:
            text = b'c%06d d7:command4:pinge' % sent
            c.sendall(bytes([0x81, 0x80 | len(text)]) + b'\0\0\0\0' + text)  # masked with zeros
            sent += 1
        bad += not re.fullmatch(r'c\d{6} d6:result4:ponge', frame(c, got))
    return bad
print('one at a time: %s mixed' % ('some' if mixed(1, 20000) else 'none'))
print('more at a time: %s mixed' % ('some' if mixed(2, 20000) + mixed(20, 20000) else 'none'))
PY
)
echo "$seen"
[ "$seen" = $'one at a time: none mixed\nmore at a time: some mixed' ] || { echo "changed"; exit 1; }
echo "as described"
