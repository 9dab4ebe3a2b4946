#!/usr/bin/env bash
# npm sip 0.0.6, on Node.js 20.
#
# digest.signRequest of a 401 that offers SHA-256 and MD5 (RFC 8760 §2.3: the preferred one first) answers the first,
# writes algorithm=sha-256, and computes the response with MD5: 32 digits where SHA-256 has 64. No server can accept
# that. Where MD5 comes first, or alone, it is right. So a registrar that offers both to such clients locks them out.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund sip@0.0.6 >/dev/null 2>&1
cat >sign.js <<'JS'
const crypto = require('crypto');
const sip = require('sip/sip'), digest = require('sip/digest');
const md5 = s => crypto.createHash('md5').update(s).digest('hex');
for (const algorithms of [['SHA-256', 'MD5'], ['MD5', 'SHA-256'], ['MD5']]) {
  const challenge = sip.parse(['SIP/2.0 401 Unauthorized', 'Via: SIP/2.0/UDP 192.0.2.1', 'From: <sip:alice@example.com>;tag=1',
    'To: <sip:alice@example.com>;tag=2', 'Call-ID: c', 'CSeq: 1 REGISTER',
    ...algorithms.map(a => `WWW-Authenticate: Digest realm="example.com", nonce="abc", algorithm=${a}, qop="auth"`),
    'Content-Length: 0', '', ''].join('\r\n'));
  const request = { method: 'REGISTER', uri: 'sip:example.com', headers: {} };
  digest.signRequest({}, request, challenge, { user: 'alice', realm: 'example.com', password: 'secret' });
  const [a] = request.headers.authorization;
  const unquote = s => s.replace(/"/g, '');
  const right = md5([md5('alice:example.com:secret'), 'abc', a.nc, unquote(a.cnonce), 'auth', md5('REGISTER:sip:example.com')].join(':'));
  console.log(`offered ${algorithms}: algorithm=${a.algorithm}, ${unquote(a.response).length} digits, MD5: ${unquote(a.response) === right}`);
}
JS
node sign.js 2>/dev/null | tee seen
expected='offered SHA-256,MD5: algorithm=sha-256, 32 digits, MD5: true
offered MD5,SHA-256: algorithm=md5, 32 digits, MD5: true
offered MD5: algorithm=md5, 32 digits, MD5: true'
[ "$(cat seen)" = "$expected" ] || { echo "changed"; exit 1; }
echo "as described"
