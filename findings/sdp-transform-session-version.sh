#!/usr/bin/env bash
# npm sdp-transform 3.0.0, on Node.js 20.
#
# o= has a session id and a version, numbers of any length (RFC 8866 §5.2; §9 has them as 1*DIGIT), and WebRTC
# asks for ids of 63 bits (RFC 9429 §5.2.1). Expected: write(parse(text)) has them as they were.
# Seen: the id stays, the version is a number of JavaScript: over 2^53 its last digits change. So two versions
# that differ by one may become the same one, and an answerer that compares versions takes a new offer for the
# old one (RFC 3264 §8).
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund sdp-transform@3.0.0 >/dev/null 2>&1
cat >read.js <<'JS'
const { parse, write } = require('sdp-transform');
for (const version of ['2092608625722909081', '2092608625722909082', '9007199254740991']) {
  const text = `v=0\r\no=- 8672853781216141646 ${version} IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n`;
  console.log(version, 'becomes', write(parse(text)).split('\r\n')[1]);
}
JS
node read.js | tee got
cat >expected <<'EOF'
2092608625722909081 becomes o=- 8672853781216141646 2092608625722909200 IN IP4 192.0.2.1
2092608625722909082 becomes o=- 8672853781216141646 2092608625722909200 IN IP4 192.0.2.1
9007199254740991 becomes o=- 8672853781216141646 9007199254740991 IN IP4 192.0.2.1
EOF
diff expected got >/dev/null || { echo "changed"; exit 1; }
echo "as described"
