#!/usr/bin/env bash
# secsipidx 1.2.0 (Debian secsipidx 1.2.0-2+b4), of the library that Kamailio's module secsipid uses too.
#
# The numbers of a PASSporT are digits alone: whoever signs takes off "+" and visual separators (RFC 8224 §8.3,
# RFC 8225 §5.2.1). Expected: -orig-tn +49-30-4444 is signed as 49304444.
# Seen: it is signed as it was given. A verifier that compares orig with the digits of From refuses the call, so
# a script has to take them off before.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get download -qq secsipidx=1.2.0-2+b4 >/dev/null 2>&1
dpkg -x secsipidx_*.deb s
openssl ecparam -name prime256v1 -genkey -noout -out key.pem
for number in 49304444 +49304444 +49-30-4444; do
  s/usr/bin/secsipidx -sign-full -orig-tn "$number" -dest-tn 4930555 -attest A -x5u https://example.com/cert.pem -k key.pem >identity
  python3 - "$number" <<'PY'
import base64, json, sys
payload = open("identity").read().split(".")[1]
print(sys.argv[1], "is signed as", json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["orig"]["tn"])
PY
done | tee got
cat >expected <<'EOF'
49304444 is signed as 49304444
+49304444 is signed as +49304444
+49-30-4444 is signed as +49-30-4444
EOF
diff expected got || { echo "changed"; exit 1; }
echo "as described"
