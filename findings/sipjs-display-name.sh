#!/usr/bin/env bash
# SIP.js 0.21.2, on Node.js 20.
#
# A display name in quotes may hold quotes and backslashes, each behind a backslash that is not part of the name
# (RFC 3261 §25.1, quoted-pair). Expected: displayName without them, as JsSIP 3.13.8 gives it.
# Seen: displayName has the backslashes, so a page that shows it shows Anna \"Nan\" Smith. toString() is right.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund jssip@3.13.8 sip.js@0.21.2 >/dev/null 2>&1
cat >read.js <<'JS'
const { NameAddrHeader } = require('jssip'), { Grammar } = require('sip.js/lib/grammar');
const text = '"Anna \\"Nan\\" Smith" <sip:anna@example.com>';
const read = Grammar.nameAddrHeaderParse(text);
console.log('read   ', text);
console.log('JsSIP  ', NameAddrHeader.parse(text).display_name);
console.log('SIP.js ', read.displayName);
JS
node read.js | tee got
cat >expected <<'EOF'
read    "Anna \"Nan\" Smith" <sip:anna@example.com>
JsSIP   Anna "Nan" Smith
SIP.js  Anna \"Nan\" Smith
EOF
diff expected got >/dev/null || { echo "changed"; exit 1; }
echo "as described"
