// A program that controls calls of a sipscript server from Node, over the admin port
// (docs/control.md): each call that a script hands over to it rings, is dialled on, and joined with
// whoever answers. It needs the package "ws".
//
//   npm install ws && node client.js ws://127.0.0.1:8060 desk sip:bob@192.0.2.7
"use strict";

const WebSocket = require("ws");

/** A session of call control, which outlives its connections. */
class Calls {
  constructor(server, { token, on, ...hello }) {
    Object.assign(this, { server, token, on, hello });
    this.orders = 0;
    this.seen = 0;
    this.waiting = new Map(); // by ref: { text, resolve, reject }
    this.connect();
  }

  /** Gives an order. The promise is of its result; an order that is refused rejects it. */
  do(name, options = {}) {
    const ref = `o${++this.orders}`;
    const text = JSON.stringify({ ...options, do: name, ref });
    return new Promise((resolve, reject) => {
      this.waiting.set(ref, { text, resolve, reject });
      if (this.greeted) this.socket.send(text);
    });
  }

  /** Ends the session. */
  async close() {
    this.closed = true;
    await this.do("bye");
  }

  connect() {
    const headers = this.token ? { Authorization: `Bearer ${this.token}` } : {};
    const socket = (this.socket = new WebSocket(`${this.server}/api/v1/b2b/control`, "sipscript.calls.v1", { headers, maxPayload: 1 << 20 }));
    this.greeted = false;
    socket.on("error", () => {}); // close follows
    socket.on("close", () => {
      this.greeted = false;
      if (!this.closed) setTimeout(() => this.connect(), 200);
    });
    socket.on("open", () => {
      const resume = this.session ? { session: this.session, seen: this.seen } : {};
      socket.send(JSON.stringify({ ...this.hello, ...resume, do: "hello", ref: "hello" }));
    });
    socket.on("message", (text) => this.heard(JSON.parse(text)));
  }

  heard(m) {
    if (m.ref === "hello") return this.begun(m);
    if (m.seq) this.seen = m.seq;
    const order = this.waiting.get(m.ref);
    if (order) {
      this.waiting.delete(m.ref);
      if (m.refused) order.reject(Object.assign(new Error(`${m.refused} ${m.about ?? ""}`), { code: m.refused }));
      else order.resolve(m.result);
    } else if (m.event) {
      this.on(m.event, m);
    }
  }

  begun(m) {
    if (m.refused === "no-session") {
      // Too late: nobody knows what the orders came to
      for (const order of this.waiting.values()) order.reject(Object.assign(new Error("no-session"), { code: "no-session" }));
      this.waiting.clear();
      this.session = undefined;
      this.seen = 0;
      this.socket.send(JSON.stringify({ ...this.hello, do: "hello", ref: "hello" }));
      return;
    }
    if (m.refused) {
      this.closed = true;
      this.socket.close();
      throw new Error(`${m.refused} ${m.about ?? ""}`);
    }
    this.session = m.result.session;
    this.greeted = true;
    // What has no answer is said once more: the server knows it by its ref
    for (const order of this.waiting.values()) this.socket.send(order.text);
  }
}

async function answer(calls, leg, to) {
  console.log(`call from ${leg.from}`);
  await calls.do("reply", { leg: leg.id, code: 180 });
  const dialled = await calls.do("dial", { leg: leg.id, targets: to, timeout: 30 });
  if (dialled.leg) {
    await calls.do("join", { leg: leg.id, other: dialled.leg.id });
  } else {
    console.log(`nobody answers: ${dialled.response.code}`);
    await calls.do("reject", { leg: leg.id, code: Math.max(dialled.response.code, 400) });
  }
  console.log("done");
}

if (require.main === module) {
  const [server, app, to] = process.argv.slice(2);
  const calls = new Calls(server, {
    token: process.env.SIPSCRIPT_ADMIN_TOKEN,
    apps: [app],
    on(event, m) {
      if (event === "synced") console.log("ready");
      // A caller who hangs up meanwhile makes an order fail: the server has seen to the rest
      if (event === "handed_over") answer(calls, m.leg, to).catch((e) => console.log(`too late: ${e.message}`));
      if (event === "b2b.ended") console.log(`ended ${m.why}`);
    },
  });
  process.on("SIGTERM", () => calls.close().then(() => process.exit(0)));
}

module.exports = { Calls };
