#!/usr/bin/env bash
# npm sip 0.0.6, on Node.js 20: requests that came over IPv6.
#
# Expected: the host of Via is "[2001:db8::1]" (RFC 3261 §25.1, sent-by), and what is written is what was read.
# Seen: it is "[2001", with neither port nor parameters, and so it is written into responses: without its branch no
# client knows them as its own. A Contact or Request-URI with such a host can't be taken apart at all: parseUri
# gives undefined.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund sip@0.0.6 >/dev/null 2>&1
cat >read.js <<'JS'
const sip = require('sip/sip');
for (const host of ['192.0.2.1', '[2001:db8::1]']) {
  const request = sip.parse(['OPTIONS sip:bob@example.com SIP/2.0', `Via: SIP/2.0/UDP ${host}:5060;branch=z9hG4bKa`, 'From: <sip:alice@example.com>;tag=1',
    'To: <sip:bob@example.com>', 'Call-ID: c', 'CSeq: 1 OPTIONS', 'Content-Length: 0', '', ''].join('\r\n'));
  const via = sip.stringify(sip.makeResponse(request, 200, 'OK')).split('\r\n').find(line => line.startsWith('Via'));
  const uri = sip.parseUri(`sip:alice@${host}`);
  console.log(`${via} | host of the URI: ${uri && uri.host}`);
}
JS
node read.js 2>/dev/null | tee got
cat >expected <<'EOF'
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa | host of the URI: 192.0.2.1
Via: SIP/2.0/UDP [2001 | host of the URI: undefined
EOF
diff expected got >/dev/null || { echo "changed"; exit 1; }
echo "as described"
