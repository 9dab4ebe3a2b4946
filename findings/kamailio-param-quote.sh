#!/usr/bin/env bash
# Kamailio 5.6.3 (Debian kamailio 5.6.3-2), module pv.
#
# The value of a parameter may be a quoted string, in which \" is a quote (RFC 3261 §25.1: quoted-pair).
# Expected: {param.value} finds each parameter of a header such as Reason, whatever is in the quotes of another.
# Seen: of Q.850;text="told \"no\"";cause=16 it finds neither text nor cause, and with the cause before the text not
# this one either: at the first \" the whole value is given up, with an error in the log.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"

apt-get download -qq kamailio=5.6.3-2 >/dev/null 2>&1
dpkg -x kamailio_*.deb k
lib=$dir/k/usr/lib/x86_64-linux-gnu/kamailio
export LD_LIBRARY_PATH=$lib
{
  cat <<CFG
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
CFG
  for value in 'Q.850;text="told";cause=16' 'Q.850;text="told; no";cause=16' 'Q.850;text="told \"no\"";cause=16' 'Q.850;cause=16;text="told \"no\""'; do
    printf '  $var(reason) = '"'%s'"';\n  xlog("L_ERR", "RESULT $var(reason) => cause [$(var(reason){param.value,cause})], text [$(var(reason){param.value,text})]\\n");\n' "$value"
  done
  echo '}'
} >k.cfg
"$dir/k/usr/sbin/kamailio" -v | head -1
timeout 5 "$dir/k/usr/sbin/kamailio" -f k.cfg -DD -E >log 2>&1 || true
sed -n 's/.*RESULT //p' log | tee seen
cat >expected <<'EOF'
Q.850;text="told";cause=16 => cause [16], text [told]
Q.850;text="told; no";cause=16 => cause [16], text [told; no]
Q.850;text="told \"no\"";cause=16 => cause [], text []
Q.850;cause=16;text="told \"no\"" => cause [], text []
EOF
diff expected seen >/dev/null || { echo "changed"; tail -5 log; exit 1; }
echo "as described"
