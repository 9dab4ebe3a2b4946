#!/usr/bin/env bash
# rtpengine 10.5.3 (Debian 12, package rtpengine-daemon).
#
# An offer's direction (sendrecv, sendonly, recvonly, inactive) may stand with the session, for all media, and with
# a medium, whose own counts (RFC 8866 §6.7). Expected: what is written for the medium says what it said.
# Seen: where the session has one that is not sendrecv, and the medium another, the session's mostly wins: a medium
# on hold (inactive) becomes sendonly, one that only sends becomes one that only receives, and sendrecv is lost.
# Without a direction of the session, or with sendrecv, the medium's stays.
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
kinds = 'sendrecv', 'sendonly', 'recvonly', 'inactive'
for session in kinds:
    for medium in kinds:
        text = '\r\n'.join(['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0', 'a=' + session, 'm=audio 4000 RTP/AVP 0', 'a=' + medium, ''])
        name = session + medium
        lines = ask(name, command='offer', call_id=name, from_tag='a', sdp=text)
        written = [l[2:] for l in lines[lines.index('a=rtpmap:0 PCMU/8000'):] if l[2:] in kinds] or ['sendrecv']
        print('session %s, medium %s: %s' % (session, medium, written[0]), '' if written[0] == medium else '(wrong)')
PY
python3 ask.py "$port" | sed 's/ *$//' | tee seen
cat >expected <<'EOF'
session sendrecv, medium sendrecv: sendrecv
session sendrecv, medium sendonly: sendonly
session sendrecv, medium recvonly: recvonly
session sendrecv, medium inactive: inactive
session sendonly, medium sendrecv: sendonly (wrong)
session sendonly, medium sendonly: sendonly
session sendonly, medium recvonly: recvonly
session sendonly, medium inactive: sendonly (wrong)
session recvonly, medium sendrecv: recvonly (wrong)
session recvonly, medium sendonly: recvonly (wrong)
session recvonly, medium recvonly: recvonly
session recvonly, medium inactive: recvonly (wrong)
session inactive, medium sendrecv: inactive (wrong)
session inactive, medium sendonly: sendonly
session inactive, medium recvonly: recvonly
session inactive, medium inactive: inactive
EOF
diff expected seen || { echo "changed"; exit 1; }
echo "as described"
