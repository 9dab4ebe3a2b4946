#!/usr/bin/env bash
# JsSIP 3.13.8 and SIP.js 0.21.2, on Node.js 20: URIs whose user has parameters.
#
# A number that went through a number portability lookup, or is local, has parameters in the user of its SIP URI
# (RFC 3261 §19.1.6, RFC 4694): sip:+390212345;npdi;rn=+3939@example.com. The user may hold ; and = and , and &
# as they are, and they are not equal to their escapes (§19.1.4, "reserved"). Expected: read, and written as it was.
# Seen: written as %3B, %3D, %2C and %26, so the server sees one long user without parameters. Whoever calls back
# the From of such a call by its URI dials another address.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund jssip@3.13.8 sip.js@0.21.2 >/dev/null 2>&1
cat >read.js <<'JS'
const { URI } = require('jssip'), { Grammar } = require('sip.js/lib/grammar');
for (const text of ['sip:+390212345;npdi;rn=+3939@example.com', 'sip:1234;phone-context=example.com@example.com', 'sip:a,b&c@example.com']) {
  console.log(text);
  console.log('  JsSIP ', URI.parse(text).toString());
  console.log('  SIP.js', Grammar.URIParse(text).toString());
}
JS
node read.js | tee got
cat >expected <<'EOF'
sip:+390212345;npdi;rn=+3939@example.com
  JsSIP  sip:+390212345%3Bnpdi%3Brn%3D+3939@example.com
  SIP.js sip:+390212345%3Bnpdi%3Brn%3D+3939@example.com
sip:1234;phone-context=example.com@example.com
  JsSIP  sip:1234%3Bphone-context%3Dexample.com@example.com
  SIP.js sip:1234%3Bphone-context%3Dexample.com@example.com
sip:a,b&c@example.com
  JsSIP  sip:a%2Cb%26c@example.com
  SIP.js sip:a%2Cb%26c@example.com
EOF
diff expected got >/dev/null || { echo "changed"; exit 1; }
echo "as described"
