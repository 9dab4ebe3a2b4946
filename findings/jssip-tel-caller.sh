#!/usr/bin/env bash
# JsSIP 3.13.8 and SIP.js 0.21.2, on Node.js 20: callers that are not SIP URIs.
#
# From may hold any URI (RFC 3261 §20.20): gateways and IMS networks write tel URIs (RFC 3966). Expected: the
# message is read, and the caller is a URI of another scheme, or a text.
# Seen: the parsers give undefined, as for garbage, so a browser gets no call, and the server no answer until it
# gives up (64*T1). A proxy in front of such clients has to write sip:NUMBER@DOMAIN;user=phone into From.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund jssip@3.13.8 sip.js@0.21.2 >/dev/null 2>&1
cat >read.js <<'JS'
const jssip = require('jssip/lib/Parser'), { Parser } = require('sip.js/lib/core/messages/parser');
const message = from => ['INVITE sip:bob@example.com SIP/2.0', 'Via: SIP/2.0/WS 192.0.2.1;branch=z9hG4bKa', `From: <${from}>;tag=1`,
  'To: <sip:bob@example.com>', 'Call-ID: c', 'CSeq: 1 INVITE', 'Max-Forwards: 70', 'Contact: <sip:gateway@192.0.2.1>', 'Content-Length: 0', '', ''].join('\r\n');
const logger = { debug() {}, log() {}, warn() {}, error() {} };
for (const from of ['sip:+390212345@example.com', 'tel:+390212345']) {
  const read = [jssip.parseMessage(message(from), { configuration: {} }), Parser.parseMessage(message(from), logger)];
  console.log(from, ...read.map((m, i) => `${['JsSIP:', 'SIP.js:'][i]} ${m && m.from.uri}`));
}
JS
node read.js 2>/dev/null | tee got
[ "$(cat got)" = "sip:+390212345@example.com JsSIP: sip:+390212345@example.com SIP.js: sip:+390212345@example.com
tel:+390212345 JsSIP: undefined SIP.js: undefined" ] || { echo "changed"; exit 1; }
echo "as described"
