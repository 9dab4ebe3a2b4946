// A phone in a page, by JsSIP or by SIP.js: the tests call the methods of window.phone, which both have alike.

import * as SIP from '/npm/sip.js/lib/index.js';

// JsSIP is made of CommonJS modules.
const modules = new Map();
const mains = { events: 'events/events.js', debug: 'debug/src/browser.js', ms: 'ms/index.js', 'sdp-transform': 'sdp-transform/lib/index.js', jssip: 'jssip/lib/JsSIP.js' };
function load(path) {
  if (modules.has(path)) return modules.get(path).exports;
  const request = new XMLHttpRequest();
  request.open('GET', path, false);
  request.send();
  if (request.status !== 200) throw new Error(`${path}: ${request.status}`);
  const module = { exports: {} };
  modules.set(path, module);
  if (path.endsWith('.json')) return (module.exports = JSON.parse(request.responseText));
  const require = (name) => {
    if (!name.startsWith('.')) return load('/npm/' + mains[name]);
    const at = new URL(name, new URL(path, location)).pathname;
    return load(/\.js(on)?$/.test(at) ? at : at + '.js');
  };
  new Function('module', 'exports', 'require', `${request.responseText}\n//# sourceURL=${path}`)(module, module.exports, require);
  return module.exports;
}

// What both have in common: the connection, what is heard, and what happened.
let connection;
const heard = [];
const Native = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Native {
  constructor(...args) {
    super(...args);
    connection = this;
    this.addEventListener('track', (e) => {
      const audio = new Audio(); // its energy is counted as it is played
      audio.srcObject = new MediaStream([e.track]);
      heard.push(audio);
      audio.play();
    });
  }
  // A page that was told codecs has no others.
  limit() {
    const names = window.phone.conf.codecs;
    if (!names) return;
    const some = RTCRtpSender.getCapabilities('audio').codecs.filter((c) => names.includes(c.mimeType));
    for (const t of this.getTransceivers()) t.setCodecPreferences(some);
  }
  // What came, to the byte: remoteDescription is the browser's own rendering of it.
  setRemoteDescription(d) { this.came = d.sdp; return super.setRemoteDescription(d); }
  createOffer(...args) { this.limit(); return super.createOffer(...args); }
  createAnswer(...args) { this.limit(); return super.createAnswer(...args); }
};

const media = { audio: true, video: false };

class Phone {
  constructor(conf) {
    this.conf = conf;
    this.events = [];
    this.waiting = [];
    this.ice = { iceServers: conf.iceServers ?? [], iceTransportPolicy: conf.policy ?? 'all' };
  }
  happened(name, detail = '') {
    this.events.push(name);
    console.log(name, detail);
    this.waiting = this.waiting.filter((w) => !w());
  }
  // until waits for an event, or takes one that nobody has waited for.
  until(...names) {
    return new Promise((resolve) => {
      const look = () => {
        const i = this.events.findIndex((e) => names.includes(e));
        if (i < 0) return false;
        resolve(this.events.splice(i, 1)[0]);
        return true;
      };
      if (!look()) this.waiting.push(look);
    });
  }
  async stats() {
    const out = { sent: 0, received: 0, bytes: 0, energy: 0, codec: '', local: '', remote: '', direction: '', state: connection.connectionState };
    const all = await connection.getStats();
    for (const s of all.values()) {
      if (s.type === 'outbound-rtp') out.sent += s.packetsSent;
      if (s.type === 'inbound-rtp') {
        out.received += s.packetsReceived;
        out.bytes += s.bytesReceived;
        out.energy += s.totalAudioEnergy ?? 0;
        out.codec = all.get(s.codecId)?.mimeType ?? '';
      }
      if (s.type === 'transport' && s.selectedCandidatePairId) {
        const pair = all.get(s.selectedCandidatePairId);
        out.local = all.get(pair.localCandidateId)?.candidateType ?? '';
        out.remote = all.get(pair.remoteCandidateId)?.candidateType ?? '';
      }
    }
    out.direction = connection.getTransceivers()[0]?.currentDirection ?? '';
    return out;
  }
  descriptions() {
    return { local: connection.localDescription.sdp, remote: connection.came };
  }
}

// What is published: a document with one tuple.
const document_ = (user, basic) => `<?xml version="1.0" encoding="UTF-8"?>\n<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="${user}"><tuple id="page"><status><basic>${basic}</basic></status></tuple></presence>`;
const pidf = 'application/pidf+xml';
const told = (body) => 'told ' + /<basic>(\w+)</.exec(body)?.[1];

class JsSIPPhone extends Phone {
  start() {
    const JsSIP = load('/npm/jssip/lib/JsSIP.js');
    const c = this.conf;
    this.ua = new JsSIP.UA({ sockets: [new JsSIP.WebSocketInterface(c.server)], uri: `sip:${c.user}@${c.domain}`, password: c.password, session_timers: false, register_expires: 300 });
    for (const name of ['registered', 'registrationFailed', 'disconnected']) this.ua.on(name, (e) => this.happened(name, e?.cause));
    this.ua.on('unregistered', () => this.happened('unregistered'));
    this.ua.on('newMessage', ({ originator, request }) => { if (originator === 'remote') this.happened(`message ${request.body}`, request.from.uri); });
    this.ua.on('newRTCSession', ({ session, originator }) => {
      this.session = session;
      session.on('progress', () => this.happened('ringing'));
      session.on('confirmed', () => this.happened('established'));
      for (const name of ['ended', 'failed']) session.on(name, (e) => this.happened('ended', e.cause));
      if (originator === 'remote') this.happened('called');
    });
    this.ua.start();
  }
  get options() { return { mediaConstraints: media, pcConfig: this.ice }; }
  call(to) { this.ua.call(to, this.options); }
  answer() { this.session.answer(this.options); }
  hold() { return new Promise((done) => this.session.hold({}, done)); }
  resume() { return new Promise((done) => this.session.unhold({}, done)); }
  hangUp() { this.session.terminate(); }
  info(type, body) { this.session.sendInfo(type, body); }
  watch(user) {
    this.subscriber = this.ua.subscribe(user, 'presence', pidf, { expires: 300 });
    this.subscriber.on('notify', (last, request, body) => this.happened(told(body)));
    this.subscriber.on('terminated', (code, reason) => this.happened('over', reason));
    this.subscriber.subscribe();
  }
  unwatch() { this.subscriber.terminate(); }
  // JsSIP has no publisher, but what one is made of.
  publish(basic) {
    const { OutgoingRequest } = load('/npm/jssip/lib/SIPMessage.js'), RequestSender = load('/npm/jssip/lib/RequestSender.js');
    const self = this.ua.configuration.uri, headers = ['Event: presence', `Content-Type: ${pidf}`, 'Expires: 300'];
    if (this.etag) headers.push(`SIP-If-Match: ${this.etag}`);
    const request = new OutgoingRequest('PUBLISH', self, this.ua, {}, headers, document_(self, basic));
    new RequestSender(this.ua, request, { onRequestTimeout() {}, onTransportError() {}, onAuthenticated() {},
      onReceiveResponse: (r) => { this.etag = r.getHeader('SIP-ETag'); this.happened(`published ${r.status_code}`); } }).send();
  }
  message(to, text) {
    const done = (e) => this.happened(`answered ${e.response?.status_code}`);
    this.ua.sendMessage(to, text, { eventHandlers: { succeeded: done, failed: done } });
  }
  leave() { this.ua.unregister(); }
  back() { this.ua.register(); }
}

class SIPJSPhone extends Phone {
  async start() {
    const c = this.conf;
    this.ua = new SIP.UserAgent({ uri: SIP.UserAgent.makeURI(`sip:${c.user}@${c.domain}`), transportOptions: { server: c.server }, authorizationUsername: c.user, authorizationPassword: c.password,
      logLevel: 'warn', sessionDescriptionHandlerFactoryOptions: { peerConnectionConfiguration: this.ice, iceGatheringTimeout: 5000 },
      delegate: { onMessage: (m) => { m.accept(); this.happened(`message ${m.request.body}`, m.request.from.uri); }, onInvite: (invitation) => { this.follow(invitation); this.happened('called'); } } });
    await this.ua.start();
    this.registerer = new SIP.Registerer(this.ua, { expires: 300 });
    this.registerer.stateChange.addListener((s) => { this.happened({ [SIP.RegistererState.Registered]: 'registered', [SIP.RegistererState.Unregistered]: 'unregistered' }[s] ?? s); });
    await this.registerer.register({ requestDelegate: { onReject: (r) => this.happened('registrationFailed', r.message.statusCode) } });
  }
  follow(session) {
    this.session = session;
    session.stateChange.addListener((s) => {
      if (s === SIP.SessionState.Established) this.happened('established');
      if (s === SIP.SessionState.Terminated) this.happened('ended');
    });
  }
  get options() { return { sessionDescriptionHandlerOptions: { constraints: media } }; }
  call(to) {
    this.follow(new SIP.Inviter(this.ua, SIP.UserAgent.makeURI(to), this.options));
    this.session.invite({ requestDelegate: { onProgress: () => this.happened('ringing') } });
  }
  answer() { this.session.accept(this.options); }
  again(hold) {
    this.session.sessionDescriptionHandlerOptionsReInvite = { hold };
    return new Promise((done, fail) => this.session.invite({ requestDelegate: { onAccept: done, onReject: (r) => fail(new Error(`re-INVITE: ${r.message.statusCode}`)) } })).then(() => {});
  }
  hold() { return this.again(true); }
  resume() { return this.again(false); }
  hangUp() {
    const s = this.session;
    if (s.state === SIP.SessionState.Established) s.bye();
    else if (s instanceof SIP.Inviter) s.cancel();
    else s.reject();
  }
  watch(user) {
    this.subscriber = new SIP.Subscriber(this.ua, SIP.UserAgent.makeURI(user), 'presence', { expires: 300, extraHeaders: [`Accept: ${pidf}`],
      delegate: { onNotify: (n) => { n.accept(); this.happened(told(n.request.body)); } } });
    this.subscriber.stateChange.addListener((s) => { if (s === SIP.SubscriptionState.Terminated) this.happened('over'); });
    this.subscriber.subscribe();
  }
  unwatch() { this.subscriber.unsubscribe(); }
  publish(basic) {
    const self = this.ua.configuration.uri;
    if (!this.publisher) {
      this.publisher = new SIP.Publisher(this.ua, self, 'presence', { contentType: pidf, expires: 300 });
      const receive = this.publisher.receiveResponse.bind(this.publisher); // which it tells nobody
      this.publisher.receiveResponse = (r) => { receive(r); this.happened(`published ${r.statusCode}`); };
    }
    this.publisher.publish(document_(self, basic));
  }
  message(to, text) {
    const done = (r) => this.happened(`answered ${r.message.statusCode}`);
    new SIP.Messager(this.ua, SIP.UserAgent.makeURI(to), text).message({ requestDelegate: { onAccept: done, onReject: done } });
  }
  leave() { this.registerer.unregister(); }
  back() { this.registerer.register(); }
}

window.open_ = (library, conf) => {
  window.phone = library === 'JsSIP' ? new JsSIPPhone(conf) : new SIPJSPhone(conf);
  window.phone.start();
};
window.ready = true;
