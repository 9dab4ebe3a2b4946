#!/usr/bin/env bash
# JsSIP 3.13.8 and SIP.js 0.21.2, on Node.js 20.
#
# A 401 may have several WWW-Authenticate headers, one for each algorithm; a client takes the first that it knows
# (RFC 8760 §2.4). Both libraries know MD5 alone. Expected: they answer the MD5 challenge, wherever it is.
# Seen: the last header takes the place of those before it. With SHA-256 last there is no answer, though MD5 was
# offered, and so no registration; with MD5 last there is.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund jssip@3.13.8 sip.js@0.21.2 >/dev/null 2>&1
cat >answer.js <<'JS'
const Parser = require('jssip/lib/Parser'), Digest = require('jssip/lib/DigestAuthentication');
const { Parser: OtherParser } = require('sip.js/lib/core/messages/parser.js');
const { DigestAuthentication } = require('sip.js/lib/core/messages/digest-authentication.js');
const silent = { log() {}, debug() {}, warn() {}, error() {}, getLogger: () => silent };
const challenge = (algorithm) => 'Digest realm="example.com", nonce="abc", qop="auth", algorithm=' + algorithm;
const libraries = {
  JsSIP(text) {
    const message = Parser.parseMessage(text, {}), read = message.parseHeader('www-authenticate');
    const digest = new Digest({ username: 'alice', password: 'secret' });
    const ok = digest.authenticate({ method: 'REGISTER', ruri: 'sip:example.com', body: null }, read);
    return [message.getHeaders('www-authenticate').length, ok ? read.algorithm : 'no answer'];
  },
  'SIP.js'(text) {
    const message = OtherParser.parseMessage(text, silent), read = message.parseHeader('www-authenticate');
    const digest = new DigestAuthentication(silent, undefined, 'alice', 'secret');
    const ok = digest.authenticate({ method: 'REGISTER', ruri: 'sip:example.com', body: undefined }, read);
    return [message.getHeaders('www-authenticate').length, ok ? read.algorithm : 'no answer'];
  },
};
for (const algorithms of [['MD5'], ['SHA-256', 'MD5'], ['MD5', 'SHA-256']]) {
  const text = ['SIP/2.0 401 Unauthorized', 'Via: SIP/2.0/WS 192.0.2.1;branch=z9hG4bK1', 'From: <sip:alice@example.com>;tag=1', 'To: <sip:alice@example.com>;tag=2',
    'Call-ID: c1', 'CSeq: 1 REGISTER', ...algorithms.map((a) => 'WWW-Authenticate: ' + challenge(a)), 'Content-Length: 0', '', ''].join('\r\n');
  for (const [name, read] of Object.entries(libraries)) {
    const [kept, answer] = read(text);
    console.log(`${name}: ${algorithms.join(', then ')}: ${kept} of ${algorithms.length} kept, ${answer}`);
  }
}
JS
node answer.js | tee got
cat >expected <<'EOF'
JsSIP: MD5: 1 of 1 kept, MD5
SIP.js: MD5: 1 of 1 kept, MD5
JsSIP: SHA-256, then MD5: 1 of 2 kept, MD5
SIP.js: SHA-256, then MD5: 1 of 2 kept, MD5
JsSIP: MD5, then SHA-256: 1 of 2 kept, no answer
SIP.js: MD5, then SHA-256: 1 of 2 kept, no answer
EOF
diff expected got || { echo "changed"; exit 1; }
echo "as described"
