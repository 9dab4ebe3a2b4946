#!/usr/bin/env bash
# rtpengine 10.5.3 (Debian 12, package rtpengine-daemon).
#
# Where it transcodes, it sends the media with an SSRC of its own, and still passes the line a=ssrc
# (RFC 5576 §4.1) with the SSRC of the phone, which nobody will see. Chromium 156 then waits for that
# SSRC: what comes is not played, nor counted for the call, and there is silence. Without transcoding
# the SSRC stays, and the line is true. Expected: the line goes, or names the SSRC that is sent.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get download -qq rtpengine-daemon=10.5.3.5-1+deb12u1 >/dev/null 2>&1
dpkg -x rtpengine-daemon_*.deb r
port=$((20000 + $$ % 10000))
r/usr/bin/rtpengine --foreground --log-stderr --log-level=3 --table=-1 --config-file=none --interface=127.0.0.1 \
  --listen-ng=127.0.0.1:$port >/dev/null 2>&1 &
daemon=$!; trap 'kill $daemon; rm -rf "$dir"' EXIT
r/usr/bin/rtpengine --version 2>&1 | head -1
sleep 1
seen=$(python3 - $port <<'PY'
import re, socket, struct, sys
control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def encode(x):
    if isinstance(x, dict): return 'd' + ''.join(encode(k) + encode(v) for k, v in sorted(x.items())) + 'e'
    if isinstance(x, list): return 'l' + ''.join(map(encode, x)) + 'e'
    return '%d:%s' % (len(x), x)
def ask(n, command):
    control.settimeout(3)
    control.sendto(('%d ' % n + encode(command)).encode(), ('127.0.0.1', int(sys.argv[1])))
    return control.recv(65536).decode()
def party():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 0)); s.settimeout(2)
    return s
def describe(s, payload, codec, ssrc):
    return '\r\n'.join(['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0',
        'm=audio %d RTP/AVP %d' % (s.getsockname()[1], payload), 'a=rtpmap:%d %s/8000' % (payload, codec), 'a=ssrc:%d cname:x' % ssrc, ''])
def media(text): return int(re.search(r'm=audio (\d+)', text).group(1))
for n, (name, payload, codec) in enumerate([('not transcoded', 0, 'PCMU'), ('transcoded', 8, 'PCMA')]):
    caller, callee = party(), party()
    to_caller = media(ask(2 * n, {'command': 'offer', 'call-id': name, 'from-tag': 'a', 'sdp': describe(caller, 0, 'PCMU', 1111), 'codec': {'transcode': ['PCMA']}}))
    answer = ask(2 * n + 1, {'command': 'answer', 'call-id': name, 'from-tag': 'a', 'to-tag': 'b', 'sdp': describe(callee, payload, codec, 2222)})
    for seq in range(5):
        callee.sendto(struct.pack('!BBHII', 0x80, payload, seq, seq * 160, 2222) + b'\xd5' * 160, ('127.0.0.1', to_caller))
    sent = struct.unpack('!I', caller.recv(2000)[8:12])[0]
    told = int(re.search(r'a=ssrc:(\d+)', answer).group(1))
    print('%s: told 2222: %s, sent 2222: %s' % (name, told == 2222, sent == 2222))
PY
)
echo "$seen"
[ "$seen" = $'not transcoded: told 2222: True, sent 2222: True\ntranscoded: told 2222: True, sent 2222: False' ] || { echo "changed"; exit 1; }
echo "as described"
