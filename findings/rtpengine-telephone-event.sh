#!/usr/bin/env bash
# rtpengine 10.5.3 (Debian 12, package rtpengine-daemon).
#
# A phone offers Opus, and telephone-event at 8000 Hz alone: the rate that RFC 4733 §2.1 calls the default, though keys
# share the clock of the audio beside them. A proxy has rtpengine add PCMA (codec, transcode).
# Expected: the answer to the phone has the telephone-event that both sides have (RFC 3264 §6.1), as it has without
# transcoding; or the other side isn't offered it.
# Seen: the other side is offered telephone-event/8000, and takes it; the phone's answer has none, and its keys are lost.
# With telephone-event/48000 beside it, or with G.722, the answer has one.
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
    if isinstance(x, list): return 'l' + ''.join(map(encode, x)) + 'e'
    return '%d:%s' % (len(x), x)
def ask(cookie, **command):
    command = {k.replace('_', '-'): v for k, v in command.items()}
    for attempt in range(8):  # it may not listen yet
        control.sendto(('%s ' % cookie + encode(command)).encode(), ('127.0.0.1', int(sys.argv[1])))
        try: return control.recv(65536).decode().split('\r\n')
        except (TimeoutError, ConnectionError): pass
    sys.exit('no answer')
def describe(port, formats, *more):
    return '\r\n'.join(['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0', 'm=audio %d RTP/AVP %s' % (port, formats), *more, ''])
def media(lines):
    names = {'8': 'PCMA/8000', **dict(l[9:].split() for l in lines if l.startswith('a=rtpmap:'))}
    port, _, *formats = next(l for l in lines if l.startswith('m=audio'))[8:].split()
    return 'refused' if port == '0' else ' '.join(names[f] for f in formats)
for n, (name, formats, lines, add) in enumerate([('opus, passed on', '96 101', ['96 opus/48000/2', '101 telephone-event/8000'], []),
        ('opus', '96 101', ['96 opus/48000/2', '101 telephone-event/8000'], ['PCMA']),
        ('opus, both rates', '96 101 102', ['96 opus/48000/2', '101 telephone-event/8000', '102 telephone-event/48000'], ['PCMA']),
        ('G.722', '9 101', ['9 G722/8000', '101 telephone-event/8000'], ['PCMA'])]):
    lines = ['a=rtpmap:' + l for l in lines]
    forwarded = ask('%d1' % n, command='offer', call_id='c%d' % n, from_tag='a', sdp=describe(4000, formats, *lines), **({'codec': {'transcode': add}} if add else {}))
    taken = describe(4002, '8 101', 'a=rtpmap:101 telephone-event/8000') if add else describe(4002, formats, *lines)
    answer = ask('%d2' % n, command='answer', call_id='c%d' % n, from_tag='a', to_tag='b', sdp=taken)
    print('%s: forwarded %s; answered %s' % (name, media(forwarded), media(answer)))
PY
python3 ask.py "$port" | tee seen
cat >expected <<'EOF'
opus, passed on: forwarded opus/48000/2 telephone-event/8000; answered opus/48000/2 telephone-event/8000
opus: forwarded opus/48000/2 PCMA/8000 telephone-event/8000; answered opus/48000/2
opus, both rates: forwarded opus/48000/2 PCMA/8000 telephone-event/8000 telephone-event/48000; answered opus/48000/2 telephone-event/48000
G.722: forwarded G722/8000 PCMA/8000 telephone-event/8000; answered G722/8000 telephone-event/8000
EOF
diff expected seen || { echo "changed"; exit 1; }
echo "as described"
