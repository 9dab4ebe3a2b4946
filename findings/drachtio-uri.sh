#!/usr/bin/env bash
# npm drachtio-srf 5.0.29, on Node.js 20.
#
# parseUri takes a URI apart. Expected: RFC 3261 §19.1.1: a host may be one label (localhost, the name of a
# container), parameters follow it, and schemes have no case (§19.1.4).
# Seen: where the host has neither a dot nor a port, parameters and headers become a part of it; with one of the
# two they don't. SIP: in capitals gives undefined.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund drachtio-srf@5.0.29 >/dev/null 2>&1
cat >read.js <<'JS'
const { parseUri } = require('drachtio-srf');
for (const text of ['sip:alice@example.com;transport=tcp', 'sip:alice@localhost:5060;transport=tcp', 'sip:alice@localhost;transport=tcp', 'sip:alice@pbx?Subject=lunch', 'SIP:alice@example.com']) {
  const uri = parseUri(text);
  console.log(text, uri ? `host=${uri.host} transport=${uri.params.transport}` : uri);
}
JS
node read.js | tee got
cat >expected <<'EOF'
sip:alice@example.com;transport=tcp host=example.com transport=tcp
sip:alice@localhost:5060;transport=tcp host=localhost transport=tcp
sip:alice@localhost;transport=tcp host=localhost;transport=tcp transport=undefined
sip:alice@pbx?Subject=lunch host=pbx?Subject=lunch transport=undefined
SIP:alice@example.com undefined
EOF
diff expected got || { echo "changed"; exit 1; }
echo "as described"
