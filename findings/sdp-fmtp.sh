#!/usr/bin/env bash
# npm sdp 3.2.2, on Node.js 20.
#
# parseFmtp gives the parameters of a format. Expected: values as they are: sprop-parameter-sets of H.264 is base64
# (RFC 6184 §8.1), which may end with "=".
# Seen: a value ends before its first "=", and writeFmtp of what was read announces other parameter sets.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund sdp@3.2.2 >/dev/null 2>&1
cat >read.js <<'JS'
const { parseFmtp, writeFmtp } = require('sdp');
const line = 'a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0IACpZTBYmI,aMljiA==';
console.log('read   ', line);
console.log('written', writeFmtp({ payloadType: 96, parameters: parseFmtp(line) }).trim());
JS
node read.js | tee got
cat >expected <<'EOF'
read    a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0IACpZTBYmI,aMljiA==
written a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0IACpZTBYmI,aMljiA
EOF
diff expected got || { echo "changed"; exit 1; }
echo "as described"
