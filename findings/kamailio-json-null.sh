#!/usr/bin/env bash
# Kamailio 5.6.3 (Debian kamailio-extra-modules 5.6.3-2), module jansson.
#
# jansson_get gives a member of a JSON text, and is false where there is no such member. Expected: null is told
# apart from a number, be it as $null or as a failure.
# Seen: null succeeds and gives 0, as false does; true gives 1. A service that answers {"limit":null} for "no
# limit" sets a limit of 0.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"

apt-get download -qq kamailio=5.6.3-2 kamailio-extra-modules=5.6.3-2 >/dev/null 2>&1
for f in kamailio*.deb; do dpkg -x "$f" k; done
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
loadmodule "jansson.so"
request_route { exit; }
event_route[core:worker-one-init] {
  \$var(text) = '{"null":null,"false":false,"true":true,"zero":0}';
  \$var(out) = "unset";
  if (jansson_get("null", "\$var(text)", "\$var(out)")) xlog("L_ERR", "RESULT null gives \$var(out)\n");
  else xlog("L_ERR", "RESULT null fails\n");
  \$var(out) = "unset";
  if (jansson_get("false", "\$var(text)", "\$var(out)")) xlog("L_ERR", "RESULT false gives \$var(out)\n");
  else xlog("L_ERR", "RESULT false fails\n");
  \$var(out) = "unset";
  if (jansson_get("true", "\$var(text)", "\$var(out)")) xlog("L_ERR", "RESULT true gives \$var(out)\n");
  else xlog("L_ERR", "RESULT true fails\n");
  \$var(out) = "unset";
  if (jansson_get("zero", "\$var(text)", "\$var(out)")) xlog("L_ERR", "RESULT zero gives \$var(out)\n");
  else xlog("L_ERR", "RESULT zero fails\n");
  \$var(out) = "unset";
  if (jansson_get("none", "\$var(text)", "\$var(out)")) xlog("L_ERR", "RESULT none gives \$var(out)\n");
  else xlog("L_ERR", "RESULT none fails\n");
}
CFG
"$dir/k/usr/sbin/kamailio" -v | head -1
timeout 5 "$dir/k/usr/sbin/kamailio" -f k.cfg -DD -E >log 2>&1 || true
sed -n 's/.*RESULT //p' log | tee seen
cat >expected <<'EOF'
null gives 0
false gives 0
true gives 1
zero gives 0
none fails
EOF
diff expected seen >/dev/null || { echo "changed"; tail -5 log; exit 1; }
echo "as described"
