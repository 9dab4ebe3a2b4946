#!/usr/bin/env bash
# Kamailio 5.6.3 (Debian kamailio 5.6.3-2): integers of the script.
#
# Expected: 64 bits (the machine's), or a message when a number doesn't fit.
# Seen: 32 bits with a sign, and no message. A literal 4000000000 is -294967296 (an RTP timestamp, an IPv4 address
# or bytes of a call as numbers are as large), 2147483647 + 1 is -2147483648, and {s.int} of a text with more
# digits is empty. A time in milliseconds needs 41 bits.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"

apt-get download -qq kamailio=5.6.3-2 >/dev/null 2>&1
dpkg -x kamailio_*.deb k
lib=$dir/k/usr/lib/x86_64-linux-gnu/kamailio
export LD_LIBRARY_PATH=$lib
cat >k.cfg <<CFG
#!KAMAILIO
debug=1
log_stderror=yes
children=1
listen=udp:127.0.0.1:$((20000 + $$ % 20000))
mpath="$lib/modules/"
loadmodule "pv.so"
loadmodule "xlog.so"
request_route { exit; }
event_route[core:worker-one-init] {
  \$var(a) = 4000000000;
  \$var(b) = 2147483647;
  \$var(c) = \$var(b) + 1;
  \$var(d) = "4000000000";
  xlog("L_ERR", "RESULT 4000000000 is \$var(a)\n");
  xlog("L_ERR", "RESULT 2147483647 + 1 is \$var(c)\n");
  xlog("L_ERR", "RESULT {s.int} of 4000000000 is <\$(var(d){s.int})>\n");
}
CFG
"$dir/k/usr/sbin/kamailio" -v | head -1
timeout 5 "$dir/k/usr/sbin/kamailio" -f k.cfg -DD -E >log 2>&1 || true
sed -n 's/.*RESULT //p' log | tee seen
cat >expected <<'EOF'
4000000000 is -294967296
2147483647 + 1 is -2147483648
{s.int} of 4000000000 is <>
EOF
diff expected seen >/dev/null || { echo "changed"; tail -5 log; exit 1; }
echo "as described"
