#!/usr/bin/env bash
# npm sdp-transform 3.0.0, on Node.js 20.
#
# m= may have a number of ports after its port (RFC 8866 §5.14: m=audio 49170/2 RTP/AVP 31 is its example).
# Expected: read, and written as it was.
# Seen: the line is not read: type, port and protocol are missing, and what is written is "m=undefined NaN undefined".
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund sdp-transform@3.0.0 >/dev/null 2>&1
cat >read.js <<'JS'
const { parse, write } = require('sdp-transform');
for (const port of ['49170', '49170/2']) {
  const text = `v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio ${port} RTP/AVP 0\r\n`;
  console.log(`${port}:`, write(parse(text)).split('\r\n')[5].trim());
}
JS
node read.js | tee got
cat >expected <<'EOF'
49170: m=audio 49170 RTP/AVP 0
49170/2: m=undefined NaN undefined
EOF
diff expected got || { echo "changed"; exit 1; }
echo "as described"
