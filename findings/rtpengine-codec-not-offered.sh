#!/usr/bin/env bash
# rtpengine 10.5.3 (Debian 12, package rtpengine-daemon).
#
# An answer has at least one of the codecs that were offered (RFC 3264 §6.1). A phone offers a codec that this
# rtpengine can't transcode, and a proxy has it add PCMA (codec, transcode); the other side takes PCMA.
# Expected: the medium is refused (port 0), or an error tells that there is no way between the two.
# Seen: the answer to the phone is PCMA, which it never offered: the call is up, and silent. EVS, AMR-WB (mobile
# phones) and iLBC are such codecs in Debian's package; with one that it can transcode the answer is that codec.
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
for codec in 'opus/48000/2', 'EVS/16000', 'AMR-WB/16000', 'iLBC/8000':
    name = codec.split('/')[0]
    offer = describe(4000, '96', 'a=rtpmap:96 ' + codec)
    forwarded = ask(name + '1', command='offer', call_id=name, from_tag='a', sdp=offer, codec={'transcode': ['PCMA']})
    answer = ask(name + '2', command='answer', call_id=name, from_tag='a', to_tag='b', sdp=describe(4002, '8'))
    print('offered %s, forwarded %s, answered %s' % (codec, media(forwarded), media(answer)))
PY
python3 ask.py "$port" | tee seen
cat >expected <<'EOF'
offered opus/48000/2, forwarded opus/48000/2 PCMA/8000, answered opus/48000/2
offered EVS/16000, forwarded EVS/16000 PCMA/8000, answered PCMA/8000
offered AMR-WB/16000, forwarded AMR-WB/16000 PCMA/8000, answered PCMA/8000
offered iLBC/8000, forwarded iLBC/8000 PCMA/8000, answered PCMA/8000
EOF
diff expected seen || { echo "changed"; exit 1; }
echo "as described"
