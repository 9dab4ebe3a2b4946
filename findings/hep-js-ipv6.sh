#!/usr/bin/env bash
# npm hep-js 1.0.22 (of Homer's makers), on Node.js.
#
# decapsulate of a HEP 3 packet whose message went by IPv6: chunks 5 and 6 are its source and destination
# address (HEP3 draft 12, generic chunk types), 16 bytes each. Expected: addresses in rcinfo, as srcIp and
# dstIp are there for chunks 3 and 4.
# Seen: rcinfo has protocolFamily 10 and both ports, and no address; the rest is right. Whoever stores what it
# returns can't tell who sent a message over IPv6.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund hep-js@1.0.22 >/dev/null 2>&1
cat >read.js <<'JS'
const hep = require('hep-js');
const chunk = (type, ...bytes) => [0, 0, 0, type, bytes.length + 6 >> 8, bytes.length + 6 & 255, ...bytes];
const message = ['OPTIONS sip:bob@example.com SIP/2.0', 'Via: SIP/2.0/UDP alice.example.com;branch=z9hG4bKa', 'From: <sip:alice@example.com>;tag=1',
  'To: <sip:bob@example.com>', 'Call-ID: c', 'CSeq: 1 OPTIONS', 'Max-Forwards: 70', 'Content-Length: 0', '', ''].join('\r\n');
const packet = (family, ...addresses) => {
  const body = [...chunk(1, family), ...chunk(2, 17), ...addresses, ...chunk(7, 0x13, 0xc4), ...chunk(8, 0x13, 0xc4), ...chunk(9, 0, 0, 0, 1), ...chunk(10, 0, 0, 0, 0),
    ...chunk(11, 1), ...chunk(12, 0, 0, 0, 7), ...chunk(15, ...Buffer.from(message))];
  return Buffer.from([...Buffer.from('HEP3'), body.length + 6 >> 8, body.length + 6 & 255, ...body]);
};
const v6 = last => [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
for (const [name, p] of [['IPv4', packet(2, ...chunk(3, 192, 0, 2, 1), ...chunk(4, 192, 0, 2, 2))], ['IPv6', packet(10, ...chunk(5, ...v6(1)), ...chunk(6, ...v6(2)))]]) {
  const { rcinfo } = hep.decapsulate(p);
  console.log(name, rcinfo.protocolFamily, rcinfo.srcIp, rcinfo.dstIp, rcinfo.srcPort, rcinfo.captureId);
}
JS
node read.js | tee got
[ "$(cat got)" = "$(printf 'IPv4 2 192.0.2.1 192.0.2.2 5060 7\nIPv6 10 undefined undefined 5060 7')" ] || { echo "changed"; exit 1; }
echo "as described"
