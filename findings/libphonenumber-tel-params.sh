#!/usr/bin/env bash
# npm google-libphonenumber 3.2.47 and libphonenumber-js 1.13.16, on Node.js 20.
#
# Both read tel URIs (RFC 3966). A number from a carrier often has parameters: rn and npdi once its portability was
# looked up, cic of the long distance carrier (RFC 4694). Expected: the number, without them.
# Seen: rn and cic, whose values are numbers, make both give up ("did not seem to be a phone number",
# NOT_A_NUMBER), and npdi alone Google's; ext and isub are read. Take the other
# parameters off before.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund google-libphonenumber@3.2.47 libphonenumber-js@1.13.16 >/dev/null 2>&1
cat >read.js <<'JS'
const google = require('google-libphonenumber'), js = require('libphonenumber-js');
const util = google.PhoneNumberUtil.getInstance();
const readers = {
  google: uri => { const n = util.parse(uri); return [util.format(n, google.PhoneNumberFormat.E164), n.getExtension()]; },
  js: uri => { const n = js.parsePhoneNumber(uri); return [n.number, n.ext]; },
};
for (const params of ['', ';ext=5', ';isub=12', ';npdi', ';npdi;rn=+12012000000', ';cic=+16789']) {
  const uri = 'tel:+12015550123' + params;
  const seen = Object.entries(readers).map(([name, read]) => {
    try { const [number, ext] = read(uri); return `${name} ${number}${ext ? ' ext ' + ext : ''}`; } catch { return `${name} gives up`; }
  });
  console.log(`${uri}: ${seen.join(', ')}`);
}
JS
node read.js | tee got
cat >expected <<'EOF'
tel:+12015550123: google +12015550123, js +12015550123
tel:+12015550123;ext=5: google +12015550123 ext 5, js +12015550123 ext 5
tel:+12015550123;isub=12: google +12015550123, js +12015550123
tel:+12015550123;npdi: google gives up, js +12015550123
tel:+12015550123;npdi;rn=+12012000000: google gives up, js gives up
tel:+12015550123;cic=+16789: google gives up, js gives up
EOF
diff expected got || { echo "changed"; exit 1; }
echo "as described"
