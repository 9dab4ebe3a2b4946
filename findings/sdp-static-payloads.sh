#!/usr/bin/env bash
# npm sdp 3.2.2, on Node.js 20.
#
# Static payload types need no rtpmap (RFC 8866 §6.6, RFC 3551 §6): phones and gateways offer PCMU as 0 and PCMA as 8
# alone. Expected: parseRtpParameters gives them by their numbers.
# Seen: only what has an rtpmap is among codecs; of this offer of PCMU, PCMA and telephone-event just the last is.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund sdp@3.2.2 >/dev/null 2>&1
cat >read.js <<'JS'
const { parseRtpParameters } = require('sdp');
const medium = 'm=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n';
console.log(parseRtpParameters(medium).codecs.map(c => `${c.payloadType} ${c.name}`).join(', '));
JS
node read.js | tee got
cat >expected <<'EOF'
101 telephone-event
EOF
diff expected got || { echo "changed"; exit 1; }
echo "as described"
