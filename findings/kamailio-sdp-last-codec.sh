#!/usr/bin/env bash
# Kamailio 5.6.3 (Debian kamailio 5.6.3-2), module sdpops.
#
# A medium has at least one format (RFC 8866 §9: 1*(SP fmt)); one that is not wanted has port 0 (RFC 3264 §6).
# Expected: sdp_remove_codecs_by_name of the only codec of a medium refuses the medium, or leaves it, or fails.
# Seen: `m=audio 4000 RTP/AVP`, without a format, and success: what is sent is not SDP any more. The port stays.
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
loadmodule "textopsx.so"
loadmodule "sdpops.so"
request_route {
  if (\$rm == "OPTIONS") { sl_send_reply("200", "OK"); exit; }
  if (sdp_remove_codecs_by_name("PCMU")) xlog("L_ERR", "RESULT removed\n"); else xlog("L_ERR", "RESULT not removed\n");
  msg_apply_changes();
  xlog("L_ERR", "RESULT \$(rb{line.at,5})\n");
  xlog("L_ERR", "RESULT \$(rb{line.at,6})\n");
  sl_send_reply("200", "OK");
}
CFG
"$dir/k/usr/sbin/kamailio" -v | head -1
"$dir/k/usr/sbin/kamailio" -f k.cfg -DD -E >log 2>&1 &
daemon=$!; trap 'kill $daemon; wait $daemon || true; rm -rf "$dir"' EXIT
cat >send.py <<'PY'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(1)
def send(method, body, kind):
    s.sendto("\r\n".join(["%s sip:bob@example.com SIP/2.0" % method, "Via: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%s;rport" % (s.getsockname()[1], kind), "From: <sip:alice@example.com>;tag=1",
        "To: <sip:bob@example.com>", "Call-ID: " + kind, "CSeq: 1 " + method, "Max-Forwards: 70", "Contact: <sip:alice@127.0.0.1>", "Content-Type: application/sdp", "Content-Length: %d" % len(body), "", body]).encode(), ("127.0.0.1", int(sys.argv[1])))
    return s.recv(65536)
s.bind(("127.0.0.1", 0))
for attempt in range(20):  # it may not listen yet
    try: send("OPTIONS", "", "o%d" % attempt); break
    except (TimeoutError, ConnectionError): pass
for formats in "0 8", "0":
    send("INVITE", "".join(line + "\r\n" for line in ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0", "m=audio 4000 RTP/AVP " + formats, "m=video 4002 RTP/AVP 31"]), "i" + formats[-1])
PY
python3 send.py "$port"
sed -n 's/.*RESULT //p' log | tr -d '\r' | tee seen
cat >expected <<'EOF'
removed
m=audio 4000 RTP/AVP 8
m=video 4002 RTP/AVP 31
removed
m=audio 4000 RTP/AVP
m=video 4002 RTP/AVP 31
EOF
diff expected seen || { echo "changed"; tail -5 log; exit 1; }
echo "as described"
