#!/usr/bin/env bash
# JsSIP 3.13.8, on Node.js 20.
#
# JsSIP asks for a session timer of 90 s in each INVITE (RFC 4028). A server whose shortest interval is longer refuses it
# by 422, and says in Min-SE what it takes. Expected: the INVITE comes again with that interval, as the RFC describes it.
# Seen: the call fails, with the cause "SIP Failure Code", and no further INVITE is sent. The application has to know the
# interval, and ask for it in each call (sessionTimersExpires), or leave timers out (session_timers of the UA).
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund jssip@3.13.8 >/dev/null 2>&1
cat >call.js <<'JS'
global.window = global;
const JsSIP = require('jssip');
const sdp = 'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n';

// What JsSIP wants of a browser's media to make an offer.
global.RTCPeerConnection = class {
  constructor() { this.signalingState = 'stable'; this.iceGatheringState = 'complete'; this.iceConnectionState = 'new'; }
  addEventListener() {}
  removeEventListener() {}
  close() {}
  createOffer() { return Promise.resolve({ type: 'offer', sdp }); }
  setLocalDescription(description) { this.localDescription = description; return Promise.resolve(); }
  getReceivers() { return []; }
  getSenders() { return []; }
};

// A server that takes session intervals from 300 s.
function answer(text) {
  const header = (name) => (new RegExp('^' + name + ': (.*)\r$', 'm').exec(text) || [])[1];
  if (!text.startsWith('INVITE')) return;
  const interval = header('Session-Expires');
  console.log(`INVITE with Session-Expires: ${interval}, Supported: ${header('Supported').split(',').includes('timer')}`);
  if (!interval || interval >= 300) return;
  return ['SIP/2.0 422 Session Interval Too Small', 'Via: ' + header('Via'), 'From: ' + header('From'), 'To: ' + header('To') + ';tag=1', 'Call-ID: ' + header('Call-ID'),
    'CSeq: ' + header('CSeq'), 'Min-SE: 300', 'Content-Length: 0', '', ''].join('\r\n');
}

const socket = {
  via_transport: 'WS', url: 'ws://example.com', sip_uri: 'sip:example.com;transport=ws',
  connect() { setTimeout(() => this.onconnect(), 0); }, disconnect() {}, isConnected() { return true; }, isConnecting() { return false; },
  send(text) { const a = answer(text); if (a) setTimeout(() => this.ondata(a), 0); return true; },
};
const ua = new JsSIP.UA({ sockets: [socket], uri: 'sip:alice@example.com', password: 'x', register: false });
ua.on('connected', () => ua.call('sip:bob@example.com', {
  mediaConstraints: { audio: false, video: false },
  eventHandlers: { failed: (e) => console.log(`failed: ${e.cause}`) },
}));
ua.start();
setTimeout(() => process.exit(0), 5000);
JS
node call.js | tee got
cat >expected <<'EOF'
INVITE with Session-Expires: 90, Supported: true
failed: SIP Failure Code
EOF
diff expected got || { echo "changed"; exit 1; }
echo "as described"
