#!/usr/bin/env bash
# JsSIP 3.13.8 and SIP.js 0.21.2, on Node.js 20: maddr and ttl of a URI.
#
# maddr is where a request for a URI is sent, in place of its host (RFC 3261 §19.1.1); the URI keeps its host.
# Expected: read, and written as it was.
# Seen: maddr takes the place of the host, and ttl is gone. A Contact sip:alice@example.com;maddr=192.0.2.1 is
# called as sip:alice@192.0.2.1;maddr=192.0.2.1, which a server for example.com does not know as its own.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund jssip@3.13.8 sip.js@0.21.2 >/dev/null 2>&1
cat >read.js <<'JS'
const { URI } = require('jssip'), { Grammar } = require('sip.js/lib/grammar');
for (const text of ['sip:alice@example.com;maddr=192.0.2.1', 'sip:alice@example.com;maddr=239.255.255.1;ttl=16', 'sip:alice@example.com;x=1']) {
  console.log(text);
  console.log('  JsSIP ', URI.parse(text).toString());
  console.log('  SIP.js', Grammar.URIParse(text).toString());
}
JS
node read.js | tee got
cat >expected <<'EOF'
sip:alice@example.com;maddr=192.0.2.1
  JsSIP  sip:alice@192.0.2.1;maddr=192.0.2.1
  SIP.js sip:alice@192.0.2.1;maddr=192.0.2.1
sip:alice@example.com;maddr=239.255.255.1;ttl=16
  JsSIP  sip:alice@239.255.255.1;maddr=239.255.255.1
  SIP.js sip:alice@239.255.255.1;maddr=239.255.255.1
sip:alice@example.com;x=1
  JsSIP  sip:alice@example.com;x=1
  SIP.js sip:alice@example.com;x=1
EOF
diff expected got >/dev/null || { echo "changed"; exit 1; }
echo "as described"
