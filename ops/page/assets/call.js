// One call in a dialog: facts, ladder, the message that was chosen.
import { act, get, query } from "./api.js";
import { clock, make, span, sure } from "./dom.js";
import { ladder, words } from "./ladder.js";

const idsOf = call => [call.call_id, ...(call.other_call_ids ?? [])];

function facts(call) {
  const rows = [
    ["From", call.from], ["To", call.to], ["Request", `${call.method} ${call.uri}`], ["Came from", call.source],
    ["State", [call.state, call.code || "", call.ended_by ? `ended by ${call.ended_by}` : ""].filter(Boolean).join(", ")],
    ["Began", call.began && new Date(call.began).toLocaleString()],
    ["Rang after", call.rang_seconds && `${call.rang_seconds.toFixed(3)} s`],
    ["Answered after", call.answered_seconds && `${call.answered_seconds.toFixed(3)} s`],
    ["Lasted", call.state === "ended" ? span(call.ended_seconds - call.answered_seconds) : ""],
    ["Call-ID", idsOf(call).join(", ")], ["Session-ID", call.session_id], ["Marked", call.name],
  ];
  return make("dl", {}, ...rows.filter(r => r[1]).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

// hangUp ends a call that dialog.track follows; null if none with that Call-ID is.
async function hangUp(call) {
  if (call.method !== "INVITE" || call.state === "ended" || call.state === "failed") return null;
  const ids = idsOf(call);
  let tracked;
  try {
    for (const id of ids) tracked ??= (await get(`/api/v1/dialog/calls${query({ call_id: id, limit: 1 })}`)).calls.find(c => c.call_id === id);
  } catch {
    return null; // no script tracks calls
  }
  return tracked && sure("Hang up", `the call of ${call.from}`, () => act("POST", `/api/v1/dialog/calls/${encodeURIComponent(tracked.id)}/hang_up`));
}

// showCall opens the dialog; it looks again each time refresh is called, until it was closed.
export async function showCall(id) {
  const dialog = document.getElementById("dialog");
  const close = make("button", { type: "button", click: () => dialog.close() }, "Close");
  const title = make("h2", { id: "dialog-title" }, "Call");
  const end = make("span", {});
  const inside = make("div", { class: "inside" });
  dialog.replaceChildren(make("header", {}, title, end, close), inside);
  if (!dialog.open) dialog.showModal();
  try {
    const call = await get(`/api/v1/trace/calls/${encodeURIComponent(id)}`);
    const text = make("pre", { tabindex: "0", "aria-label": "The message that was chosen", hidden: true });
    const shown = r => {
      text.hidden = false;
      text.textContent = r.text ? `${r.transport} ${r.local} ${r.kind === "received" ? "←" : "→"} ${r.peer}   ${clock(r.at, true)}\n\n${r.text}${r.length > r.text.length ? `\n… ${r.length} bytes in all` : ""}` : words(r);
    };
    title.textContent = `${call.method} ${call.to || call.uri}`;
    inside.replaceChildren(facts(call), ladder(call.events ?? [], shown), text);
    const button = await hangUp(call);
    if (button) end.replaceChildren(button);
  } catch (e) {
    inside.replaceChildren(make("p", { class: "bad" }, e.message));
  }
}

// showKeys tells what the keyboard does.
export function showKeys(names) {
  const dialog = document.getElementById("dialog");
  const close = make("button", { type: "button", click: () => dialog.close() }, "Close");
  const keys = [[`1 – ${names.length}`, names.join(", ")], ["/", "search"], ["↑ ↓ PgUp PgDn Home End", "move in a list or a ladder"], ["Enter", "open"], ["Esc", "close"], ["r", "reload the script (asks)"], ["t", "light or dark"], ["?", "this"]];
  dialog.replaceChildren(make("header", {}, make("h2", { id: "dialog-title" }, "Keys"), close),
    make("div", { class: "inside" }, make("dl", {}, ...keys.flatMap(([k, what]) => [make("dt", {}, make("kbd", {}, k)), make("dd", {}, what)]))));
  dialog.showModal();
}
