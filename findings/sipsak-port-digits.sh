#!/usr/bin/env bash
# sipsak 0.9.8.1 (Debian sipsak 0.9.8.1-1), registering (-U).
#
# Request-URI, To and From of the REGISTER have the server's host and port. Expected: the port that -s
# names, and that the datagram goes to.
# Seen: of a port with five digits the last is cut off: for -s sip:bob@127.0.0.1:46332 the REGISTER goes
# to port 46332, and says sip:127.0.0.1:4633 and sip:bob@127.0.0.1:4633. A registrar that compares ports
# with its own answers that it does not serve that address, or registers another one.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"

apt-get download -qq sipsak=0.9.8.1-1 >/dev/null 2>&1
dpkg -x sipsak_*.deb s
cat >server.py <<'PY'
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
s.settimeout(10)
with open("port", "w") as f:
    f.write(str(s.getsockname()[1]))
text = s.recvfrom(65536)[0].decode()
for line in text.split("\r\n"):
    if line.startswith(("REGISTER ", "To:")):
        print(line)
PY
python3 server.py >seen &
server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.1; done
port=$(cat port)
[ ${#port} = 5 ] || { echo "the system gave a port with fewer digits: $port"; exit 1; }
timeout 5 s/usr/bin/sipsak -U -i -C sip:bob@127.0.0.1:5070 -s "sip:bob@127.0.0.1:$port" -x 600 >/dev/null 2>&1 || true
wait "$server"
s/usr/bin/sipsak -V | head -1
echo "port $port"
cat seen
[ "$(cat seen)" = "$(printf 'REGISTER sip:127.0.0.1:%s SIP/2.0\nTo: sip:bob@127.0.0.1:%s' "${port%?}" "${port%?}")" ] || { echo "changed"; exit 1; }
echo "as described"
