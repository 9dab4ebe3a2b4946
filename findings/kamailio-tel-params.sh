#!/usr/bin/env bash
# Kamailio 5.6.3 (Debian kamailio 5.6.3-2), module pv: transformations of URIs.
#
# {uri.params} and {uri.param,NAME} give a URI's parameters. Expected: those of tel URIs too (RFC 3966 §3),
# for a number without "+" has no meaning without its phone-context.
# Seen: a tel URI has none: phone-context, isub and ext are empty, where the same text in a SIP URI gives them.
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
  \$var(u) = "tel:1234;phone-context=example.com;isub=56";
  xlog("L_ERR", "RESULT tel params=<\$(var(u){uri.params})> phone-context=<\$(var(u){uri.param,phone-context})> user=<\$(var(u){uri.user})>\n");
  \$var(u) = "sip:1234@192.0.2.1;phone-context=example.com;isub=56";
  xlog("L_ERR", "RESULT sip params=<\$(var(u){uri.params})> phone-context=<\$(var(u){uri.param,phone-context})> user=<\$(var(u){uri.user})>\n");
}
CFG
"$dir/k/usr/sbin/kamailio" -v | head -1
timeout 5 "$dir/k/usr/sbin/kamailio" -f k.cfg -DD -E >log 2>&1 || true
sed -n 's/.*RESULT //p' log | tee seen
cat >expected <<'EOF'
tel params=<> phone-context=<> user=<1234>
sip params=<phone-context=example.com;isub=56> phone-context=<example.com> user=<1234>
EOF
diff expected seen >/dev/null || { echo "changed"; tail -5 log; exit 1; }
echo "as described"
