#!/usr/bin/env bash
# Kamailio 5.6.3 (Debian kamailio 5.6.3-2), module htable.
#
# A counter by $shtinc in a table with autoexpire=1 and updateexpire=0 (a window of a second, as limits
# are commonly written). Expected: it counts 1, 2, 3; after it has expired it counts 1, 2, 3 again.
# Seen: after it has expired it is 1 each time, so that a limit limits nobody, until the timer removes it:
# by default only every 20 s (timer_interval).
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
loadmodule "cfgutils.so"
loadmodule "htable.so"
modparam("htable", "htable", "a=>size=4;autoexpire=1;updateexpire=0;initval=0")
request_route { exit; }
event_route[core:worker-one-init] {
  xlog("L_ERR", "RESULT first \$shtinc(a=>x) \$shtinc(a=>x) \$shtinc(a=>x)\n");
  sleep("3");
  xlog("L_ERR", "RESULT later \$shtinc(a=>x) \$shtinc(a=>x) \$shtinc(a=>x)\n");
}
CFG
"$dir/k/usr/sbin/kamailio" -v | head -1
timeout 10 "$dir/k/usr/sbin/kamailio" -f k.cfg -DD -E >log 2>&1 || true
sed -n 's/.*RESULT //p' log | tee seen
[ "$(cat seen)" = $'first 1 2 3\nlater 1 1 1' ] || { echo "changed"; tail -5 log; exit 1; }
echo "as described"
