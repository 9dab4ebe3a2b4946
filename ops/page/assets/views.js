// What the tabs show. A view has a name, an element, and refresh(signal), which asks the server and
// shows what it says; it may have search, an input.
import { act, get, query } from "./api.js";
import { clock, count, make, span, sure } from "./dom.js";
import { showCall } from "./call.js";
import { Table } from "./table.js";

const few = 500, many = 10_000;

// searching is a search field that has its view asked again when one stops typing.
function searching(label, changed) {
  let due;
  return make("input", { type: "search", "aria-label": label, placeholder: label, spellcheck: "false", input: () => {
    clearTimeout(due);
    due = setTimeout(changed, 250);
  } });
}

// lasted says for how long there has been a call, or there was.
function lasted(c) {
  if (c.method !== "INVITE" || !c.answered_seconds || c.code >= 300) return "";
  return span((c.ended_seconds || (Date.now() - new Date(c.began)) / 1000) - c.answered_seconds);
}

const stateTone = c => ({ answered: "good", failed: c.code === 487 ? "faint" : "bad", ended: "faint" })[c.state] ?? "warn";

export function calls(again) {
  const search = searching("User, Call-ID, address, 4xx or code 486", again);
  const state = make("select", { "aria-label": "State", change: again },
    ...[["", "all"], ["trying", "trying"], ["ringing", "ringing"], ["answered", "in progress"], ["ended", "ended"], ["failed", "failed"]].map(([value, text]) => make("option", { value }, text)));
  const only = make("input", { type: "checkbox", checked: true, change: again });
  const all = make("input", { type: "checkbox", change: again });
  const told = make("output", {});
  const table = new Table({
    caption: "Calls", key: c => c.call_id, open: c => showCall(c.call_id), empty: "No call is remembered that fits.",
    columns: [
      { title: "Began", of: c => clock(c.began) },
      { title: "State", of: c => c.state === "answered" ? "in progress" : c.state, tone: stateTone },
      { title: "Code", of: c => c.code ? String(c.code) : "", class: "number" },
      { title: "Method", of: c => c.method, class: "minor" },
      { title: "From", of: c => c.from },
      { title: "To", of: c => c.to },
      { title: "Lasted", class: "number", of: c => lasted(c) },
      { title: "Source", of: c => c.source, class: "minor" },
      { title: "Call-ID", of: c => c.call_id, class: "minor" },
    ],
  });
  const element = make("div", {}, make("div", { class: "tools" }, search, state,
    make("label", {}, only, "calls only"), make("label", {}, all, `up to ${count(many)}`), told), table.element);
  return {
    name: "Calls", element, search,
    async refresh(signal) {
      const limit = all.checked ? many : few;
      const list = await get(`/api/v1/trace/calls${query({ ...filterOf(search.value.trim()), state: state.value, method: only.checked ? "INVITE" : "", limit })}`, signal);
      table.show(list);
      told.textContent = `${count(list.length)}${list.length === limit ? " and more" : ""}`;
    },
  };
}

// filterOf guesses what was typed: "code 404", "4xx", "192.0.2.1", "alice" or "101", "sip:alice@…",
// "abc@192.0.2.1".
export function filterOf(text) {
  if (!text) return {};
  const code = /^(?:code ?([1-6]\d\d)|([1-6]xx))$/i.exec(text);
  if (code) return { code: code[1] ?? code[2].toLowerCase() };
  if (/^[\d.]+$/.test(text) && text.split(".").length === 4 || /^[\da-f:]*:[\da-f:]+$/i.test(text)) return { ip: text };
  if (/^sips?:/i.test(text)) return { to: text };
  return /^[\w.+-]{1,30}$/.test(text) && !/[\da-f]{16}/i.test(text) ? { user: text } : { call_id: text };
}

export function registrations(again) {
  const search = searching("A user's address, or a part of it", again);
  const told = make("output", {});
  const table = new Table({
    caption: "Registrations", key: b => `${b.aor} ${b.contact}`, empty: "Nobody is registered who fits.",
    columns: [
      { title: "User", of: b => b.aor },
      { title: "Contact", of: b => b.contact },
      { title: "Seen at", of: b => b.received ?? "", class: "minor" },
      { title: "Device", of: b => b.user_agent ?? "", class: "minor" },
      { title: "Ends in", of: b => span(b.expires_seconds), class: "number" },
      { title: "Acts", of: b => sure("Remove", b.contact, async () => {
        await act("DELETE", `/api/v1/registrar/bindings${query({ aor: b.aor, contact: b.contact })}`);
        again();
      }) },
    ],
  });
  return {
    name: "Registrations", search,
    element: make("div", {}, make("div", { class: "tools" }, search, told), table.element),
    async refresh(signal) {
      const a = await get(`/api/v1/registrar/bindings${query({ search: search.value.trim(), limit: few })}`, signal);
      table.show(a.bindings.map(b => ({ aor: a.aor, ...b })));
      told.textContent = `${count(a.bindings.length)}${a.more ? " and more" : ""}`;
    },
  };
}

export function destinations(again) {
  const mark = (g, state) => sure({ up: "Use", draining: "Drain", disabled: "Disable" }[state], g.uri, async () => {
    await act("POST", "/api/v1/dispatch/mark", { set: g.set, uri: g.uri, state });
    again();
  });
  const table = new Table({
    caption: "Destinations", key: g => `${g.set} ${g.uri}`, empty: "No script configures dispatch.",
    columns: [
      { title: "Set", of: g => g.set },
      { title: "Gateway", of: g => g.uri },
      { title: "State", of: g => g.state, tone: g => ({ up: "good", down: "bad" })[g.state] ?? "warn" },
      { title: "For", of: g => g.since_seconds >= 0 ? span(g.since_seconds) : "", class: "number" },
      { title: "Why", of: g => g.why ?? "" },
      { title: "Calls", of: g => count(g.calls ?? 0), class: "number" },
      { title: "Sent", of: g => count(g.sent), class: "number minor" },
      { title: "Failed", of: g => count(g.failed), class: "number minor" },
      { title: "Acts", of: g => make("span", {}, ...["up", "draining", "disabled"].filter(s => s !== g.state && !(s === "up" && g.state === "down")).map(s => mark(g, s))) },
    ],
  });
  return {
    name: "Destinations", element: table.element,
    async refresh(signal) { table.show((await get("/api/v1/dispatch/gateways", signal)).gateways); },
  };
}

export function script() {
  const table = new Table({
    caption: "Generations of the script", key: g => String(g.generation), empty: "None serves.",
    columns: [
      { title: "Generation", of: g => String(g.generation), class: "number" },
      { title: "State", of: g => g.serving ? "serves" : g.canary ? "is on trial" : "finishes what it began", tone: g => g.serving ? "good" : "warn" },
      { title: "Loaded", of: g => new Date(g.loaded).toLocaleString() },
      { title: "Held by", of: g => `${count(g.held)} handlers, timers, tasks and transactions` },
    ],
  });
  const refused = make("pre", { hidden: true, tabindex: "0", "aria-label": "Why the last reload was refused" });
  const args = make("dl", {});
  return {
    name: "Script", element: make("div", {}, refused, table.element, make("h2", { class: "tools" }, "Arguments"), args),
    async refresh(signal) {
      const a = await get("/api/v1/generations", signal);
      table.show(a.generations);
      refused.hidden = !a.refused;
      refused.textContent = a.refused ? `The last reload was refused; the script from before it serves.\n\n${a.refused}` : "";
      const given = Object.entries((await get("/api/v1/arguments", signal)).arguments);
      args.replaceChildren(...(given.length ? given : [["none", ""]]).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
    },
  };
}

export function protection(again) {
  const table = new Table({
    caption: "Who is not heard", key: b => b.source, empty: "Everybody is heard.",
    columns: [
      { title: "Source", of: b => b.source },
      { title: "Why", of: b => b.why },
      { title: "Since", of: b => clock(b.since) },
      { title: "Heard again in", of: b => span(b.left_seconds), class: "number" },
      { title: "Dropped", of: b => count(b.dropped), class: "number" },
      { title: "Acts", of: b => sure("Hear again", b.source, async () => {
        await act("DELETE", `/api/v1/limit/bans${query({ ip: b.source })}`);
        again();
      }) },
    ],
  });
  return {
    name: "Bans", element: table.element,
    async refresh(signal) { table.show((await get("/api/v1/limit/bans", signal)).bans); },
  };
}
