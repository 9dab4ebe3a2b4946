#!/usr/bin/env bash
# Kamailio 5.6.3 (Debian kamailio 5.6.3-2), module dialplan.
#
# The priority of a rule (pr, lower goes first) orders only the rules with the same match_len. A text is
# tried with the rules made for its length first, whatever their priority, and with those for any length
# (match_len 0) after them. Expected: pr decides among all rules of a plan.
# Seen: with "^49" for any length at pr 1, and "^49" for 6 digits at pr 9, 495555 takes the rule with pr 9,
# and 4955555 that with pr 1.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"

apt-get download -qq kamailio=5.6.3-2 >/dev/null 2>&1
dpkg -x kamailio_*.deb k
lib=$dir/k/usr/lib/x86_64-linux-gnu/kamailio
export LD_LIBRARY_PATH=$lib
mkdir db
printf 'table_name(string) table_version(int)\ndialplan:2\n' >db/version
{
  echo 'id(int,auto) dpid(int) pr(int) match_op(int) match_exp(string) match_len(int) subst_exp(string) repl_exp(string) attrs(string)'
  echo '1:1:1:1:^49:0:^49(.*)$:any-\\1:x'
  echo '2:1:9:1:^49:6:^49(.*)$:six-\\1:x'
} >db/dialplan
cat >k.cfg <<CFG
#!KAMAILIO
debug=1
log_stderror=yes
children=1
listen=udp:127.0.0.1:$((20000 + $$ % 20000))
mpath="$lib/modules/"
loadmodule "pv.so"
loadmodule "xlog.so"
loadmodule "db_text.so"
loadmodule "dialplan.so"
modparam("dialplan", "db_url", "text://$dir/db")
request_route { exit; }
event_route[core:worker-one-init] {
  \$var(n) = "495555";
  if (dp_translate("1", "\$var(n)/\$var(out)")) xlog("L_ERR", "RESULT \$var(n) \$var(out)\n");
  \$var(n) = "4955555";
  if (dp_translate("1", "\$var(n)/\$var(out)")) xlog("L_ERR", "RESULT \$var(n) \$var(out)\n");
}
CFG
"$dir/k/usr/sbin/kamailio" -v | head -1
timeout 5 "$dir/k/usr/sbin/kamailio" -f k.cfg -DD -E >log 2>&1 || true
sed -n 's/.*RESULT //p' log | tee seen
[ "$(cat seen)" = $'495555 six-5555\n4955555 any-55555' ] || { echo "changed"; tail -5 log; exit 1; }
echo "as described"
