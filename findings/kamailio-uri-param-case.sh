#!/usr/bin/env bash
# Kamailio 5.6.3 (Debian kamailio 5.6.3-2), module siputils.
#
# uri_param(NAME, VALUE) says whether the Request-URI has that parameter. Expected: names without regard to case, as
# RFC 3261 §19.1.4 compares them, and as $(ru{uri.param,NAME}) reads them.
# Seen: uri_param regards case: ;Transport=tcp is not found by uri_param("transport", "tcp"). A route that decides with it decides
# otherwise for phones that write their parameters in other letters.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"

apt-get download -qq kamailio=5.6.3-2 >/dev/null 2>&1
dpkg -x kamailio_*.deb k
lib=$dir/k/usr/lib/x86_64-linux-gnu/kamailio
export LD_LIBRARY_PATH=$lib
port=$((20000 + $$ % 20000))
cat >k.cfg <<CFG
#!KAMAILIO
debug=1
log_stderror=yes
children=1
listen=udp:127.0.0.1:$port
mpath="$lib/modules/"
loadmodule "pv.so"
loadmodule "xlog.so"
loadmodule "sl.so"
loadmodule "siputils.so"
request_route {
  \$var(found) = "no";
  if (uri_param("transport", "tcp")) \$var(found) = "yes";
  xlog("L_ERR", "RESULT \$ru uri_param=\$var(found) uri.param=\$(ru{uri.param,transport})\n");
  exit;
}
CFG
cat >send.py <<'PY'
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
for n, name in enumerate(("transport", "Transport")):
    uri = "sip:bob@192.0.2.1;%s=tcp" % name
    s.sendto("\r\n".join(["OPTIONS %s SIP/2.0" % uri, "Via: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%d" % (s.getsockname()[1], n), "From: <sip:alice@192.0.2.1>;tag=1",
        "To: <sip:bob@192.0.2.1>", "Call-ID: c%d" % n, "CSeq: 1 OPTIONS", "Max-Forwards: 70", "Content-Length: 0", "", ""]).encode(), ("127.0.0.1", int(sys.argv[1])))
    time.sleep(0.3)
PY
"$dir/k/usr/sbin/kamailio" -v | head -1
timeout 6 "$dir/k/usr/sbin/kamailio" -f k.cfg -DD -E >log 2>&1 & server=$!
sleep 3
python3 send.py "$port"
wait "$server" || true
sed -n 's/.*RESULT //p' log | tee seen
[ "$(cat seen)" = "sip:bob@192.0.2.1;transport=tcp uri_param=yes uri.param=tcp
sip:bob@192.0.2.1;Transport=tcp uri_param=no uri.param=tcp" ] || { echo "changed"; tail -5 log; exit 1; }
echo "as described"
