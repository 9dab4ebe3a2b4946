#!/usr/bin/env bash
# JsSIP 3.13.8 and SIP.js 0.21.2, on Node.js 20.
#
# A registrar that can't store a refresh answers 503, and says in Retry-After when to try again (RFC 3261 §21.5.4): it is
# busy, or its database is away for a moment. Expected: the client registers again by itself, after that time or later.
# Seen: neither does while its connection lasts. JsSIP tells of registrationFailed and unregistered, SIP.js of
# Unregistered (its Registerer has the time as retryAfter only while it tells that), and no REGISTER follows unless the
# application sends one.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund jssip@3.13.8 sip.js@0.21.2 >/dev/null 2>&1
cat >register.js <<'JS'
const JsSIP = require('jssip');
const { UserAgent, Registerer } = require('sip.js');
const seen = { JsSIP: [], 'SIP.js': [] };

// A registrar for one client: registered for 10 s, then refused once for a second, then registered again.
function registrar(library) {
  let count = 0;
  return (text) => {
    if (!text.startsWith('REGISTER')) return;
    const header = (name) => new RegExp('^' + name + ': (.*)\r$', 'm').exec(text)[1];
    const code = (count += 1) === 2 ? 503 : 200;
    seen[library].push(`REGISTER ${code}`);
    const more = { 200: 'Contact: ' + header('Contact').replace(/;expires=\d+/, '') + ';expires=10', 503: 'Retry-After: 1' };
    return ['SIP/2.0 ' + code + ' Text', 'Via: ' + header('Via'), 'From: ' + header('From'), 'To: ' + header('To') + ';tag=1', 'Call-ID: ' + header('Call-ID'),
      'CSeq: ' + header('CSeq'), more[code], 'Content-Length: 0', '', ''].join('\r\n');
  };
}

function jssip() {
  const answer = registrar('JsSIP');
  const socket = {
    via_transport: 'WS', url: 'ws://example.com', sip_uri: 'sip:example.com;transport=ws',
    connect() { setTimeout(() => this.onconnect(), 0); }, disconnect() {}, isConnected() { return true; }, isConnecting() { return false; },
    send(text) { const a = answer(text); if (a) setTimeout(() => this.ondata(a), 0); return true; },
  };
  const ua = new JsSIP.UA({ sockets: [socket], uri: 'sip:alice@example.com', password: 'x', register_expires: 10 });
  for (const event of ['registered', 'unregistered', 'registrationFailed']) ua.on(event, () => seen.JsSIP.push(event));
  ua.start();
  return () => seen.JsSIP.push('in the end: ' + (ua.isRegistered() ? 'registered' : 'not registered'));
}

function sipjs() {
  const answer = registrar('SIP.js');
  class Transport {
    constructor() { this.protocol = 'WS'; this.state = 'Connected'; this.stateChange = { addListener() {}, removeListener() {} }; }
    connect() { this.onConnect && this.onConnect(); return Promise.resolve(); }
    disconnect() { return Promise.resolve(); }
    dispose() { return Promise.resolve(); }
    isConnected() { return true; }
    send(text) { const a = answer(text); if (a) setTimeout(() => this.onMessage(a), 0); return Promise.resolve(); }
  }
  const agent = new UserAgent({ uri: UserAgent.makeURI('sip:bob@example.com'), transportConstructor: Transport, logBuiltinEnabled: false });
  const registerer = new Registerer(agent, { expires: 10 });
  registerer.stateChange.addListener((state) => seen['SIP.js'].push(state + (registerer.retryAfter ? ', retryAfter ' + registerer.retryAfter : '')));
  agent.start().then(() => registerer.register());
  return () => seen['SIP.js'].push('in the end: ' + registerer.state);
}

const ends = [jssip(), sipjs()];
setTimeout(() => {
  ends.forEach((end) => end());
  for (const [library, list] of Object.entries(seen)) list.forEach((text) => console.log(`${library}: ${text}`));
  process.exit(0);
}, 40000);
JS
node register.js | tee got
cat >expected <<'EOF'
JsSIP: REGISTER 200
JsSIP: registered
JsSIP: REGISTER 503
JsSIP: registrationFailed
JsSIP: unregistered
JsSIP: in the end: not registered
SIP.js: REGISTER 200
SIP.js: Registered
SIP.js: REGISTER 503
SIP.js: Unregistered, retryAfter 1
SIP.js: in the end: Unregistered
EOF
diff expected got || { echo "changed"; exit 1; }
echo "as described"
