#!/usr/bin/env bash
# npm sdp-transform 3.0.0, on Node.js 20.
#
# Expected: write(parse(text)) keeps every fingerprint (RFC 8122 §5: one for each hash function), every tag of
# ice-options (RFC 8839 §5.6: "trickle ice2"), every session parameter of a=crypto (RFC 4568 §6.3), and every e=.
# Seen: the last fingerprint and e=, the first tag and the first parameter stay, and the others are gone. A server
# that rewrites a description with it may leave out the SHA-256 fingerprint, or UNENCRYPTED_SRTCP, so that the two
# sides do not agree.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund sdp-transform@3.0.0 >/dev/null 2>&1
cat >read.js <<'JS'
const { parse, write } = require('sdp-transform');
const head = ['v=0', 'o=- 1 1 IN IP4 192.0.2.1', 's=-'], key = 'inline:' + 'A'.repeat(40);
const sha256 = Array(32).fill('AA').join(':'), sha1 = Array(20).fill('CC').join(':');
const short = line => line.replace(key, 'KEY').replace(sha256, 'AA:...').replace(sha1, 'CC:...');
for (const [before, after] of [
  [[], [`a=fingerprint:sha-256 ${sha256}`, `a=fingerprint:sha-1 ${sha1}`]],
  [[], ['a=ice-options:trickle ice2']],
  [[], ['m=audio 4000 RTP/SAVP 0', `a=crypto:1 AES_CM_128_HMAC_SHA1_80 ${key} KDR=1 UNENCRYPTED_SRTCP`]],
  [['e=alice@example.com', 'e=bob@example.com'], []],
]) {
  const written = write(parse([...head, ...before, 'c=IN IP4 192.0.2.1', 't=0 0', ...after, ''].join('\r\n'))).split('\r\n');
  for (const line of [...before, ...after]) {
    const left = written.filter(w => w.startsWith(line.slice(0, 8))).map(short).join(', ') || 'nothing';
    console.log(short(line), written.includes(line) ? 'stays' : `is gone, there is ${left}`);
  }
}
JS
node read.js | tee got
cat >expected <<'EOF'
a=fingerprint:sha-256 AA:... is gone, there is a=fingerprint:sha-1 CC:...
a=fingerprint:sha-1 CC:... stays
a=ice-options:trickle ice2 is gone, there is a=ice-options:trickle
m=audio 4000 RTP/SAVP 0 stays
a=crypto:1 AES_CM_128_HMAC_SHA1_80 KEY KDR=1 UNENCRYPTED_SRTCP is gone, there is a=crypto:1 AES_CM_128_HMAC_SHA1_80 KEY KDR=1
e=alice@example.com is gone, there is nothing
e=bob@example.com stays
EOF
diff expected got || { echo "changed"; exit 1; }
echo "as described"
