#!/usr/bin/env bash
# baresip 1.0.0 (Debian baresip-core 1.0.0-4+b3).
#
# A registrar that can't serve a phone now says when to try again (503 with Retry-After, RFC 3261 §21.5.4), one whose
# phones are served elsewhere says where (302 with Contact, §21.3.3). Expected: the phone registers again after these 4
# seconds, and at that other server at once.
# Seen: it registers again where it was, half a minute later or more, in both cases. The Contact of the 302 gets
# nothing. (423 with Min-Expires it understands at once.)
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get download -qq baresip-core=1.0.0-4+b3 >/dev/null 2>&1
dpkg -x baresip-core_*.deb b
mkdir home
cat >home/config <<EOF
sip_listen 127.0.0.1:$((20000 + $$ % 20000))
module_path $dir/b/usr/lib/baresip/modules
module g711.so
module account.so
module menu.so
EOF
touch home/contacts
cat >registrar.py <<'PY'
import os, re, select, socket, time
names = ["503, Retry-After: 4", "302, Contact", "423, Min-Expires: 7200", "where the 302 leads"]
sockets, came, last = {}, {n: [] for n in names}, None
for n in names:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 0))
    sockets[s] = n
port = {n: s.getsockname()[1] for s, n in sockets.items()}
with open("home/accounts.new", "w") as f:
    for user, n in enumerate(names[:3]):
        f.write("<sip:u%d@127.0.0.1:%d;transport=udp>;regint=60;auth_pass=x\n" % (user, port[n]))
os.rename("home/accounts.new", "home/accounts")
more = {names[0]: ("503 Service Unavailable", "Retry-After: 4"), names[1]: ("302 Moved Temporarily", "Contact: <sip:127.0.0.1:%d>" % port[names[3]]),
    names[2]: ("423 Interval Too Brief", "Min-Expires: 7200")}
end = time.time() + 80
while time.time() < end and min(len(came[n]) for n in names[:3]) < 2:
    for s in select.select(list(sockets), [], [], 0.5)[0]:
        data, source = s.recvfrom(65536)
        text, n = data.decode(), sockets[s]
        if not text.startswith("REGISTER"):
            continue
        header = lambda name: re.search(r"(?m)^%s: (.*)\r$" % name, text).group(1)
        came[n].append(time.time())
        status, line = more[n] if len(came[n]) == 1 and n in more else ("200 OK", "Contact: " + header("Contact"))
        s.sendto("\r\n".join(["SIP/2.0 " + status, "Via: " + header("Via"), "From: " + header("From"), "To: " + header("To") + ";tag=1",
            "Call-ID: " + header("Call-ID"), "CSeq: " + header("CSeq"), line, "Content-Length: 0", "", ""]).encode(), source)
for n in names[:3]:
    wait = came[n][1] - came[n][0] if len(came[n]) > 1 else None
    print("%s: %s" % (n, "not again" if wait is None else "again at once" if wait < 2 else "again after 2 to 20 s" if wait < 20 else "again after 20 s or more"))
print("%s: %d" % (names[3], len(came[names[3]])))
PY
python3 registrar.py >got & registrar=$!
until [ -f home/accounts ]; do sleep 0.1; done
b/usr/bin/baresip -f home -4 >log 2>&1 </dev/null & phone=$!
wait "$registrar"
kill "$phone"; wait "$phone" 2>/dev/null || true
grep -o 'baresip v[0-9.]*' log | head -1
cat got
cat >expected <<'EOF'
503, Retry-After: 4: again after 20 s or more
302, Contact: again after 20 s or more
423, Min-Expires: 7200: again at once
where the 302 leads: 0
EOF
diff expected got || { echo "changed"; tail -3 log; exit 1; }
echo "as described"
