// A call as a ladder: who said what to whom, when, and what the script did about it.
import { clock, draw, make } from "./dom.js";

const rowHeight = 26, timeWidth = 110, least = 190, head = 40;

const startLine = text => text.slice(0, text.search(/\r?\n|$/));

// titleOf is what an arrow says: "INVITE", "180 Ringing".
function titleOf(text) {
  const line = startLine(text);
  return line.startsWith("SIP/2.0 ") ? line.slice(8) : line.split(" ", 1)[0];
}

function cseqOf(text) {
  return /^cseq\s*:\s*(\d+\s+\S+)/im.exec(text)?.[1] ?? "";
}

function toneOf(title) {
  if (/^[3-6]\d\d/.test(title)) return "failure";
  if (/^2\d\d/.test(title)) return "success";
  return "";
}

// sides are the columns: every peer in the order of its first message, with the server second.
export function sides(records) {
  const peers = [];
  for (const r of records) {
    if (r.peer && !peers.includes(r.peer)) peers.push(r.peer);
  }
  return [...peers.slice(0, 1), "", ...peers.slice(1)];
}

// words tell a record for who doesn't see the drawing.
export function words(r) {
  if (!r.text) return `${clock(r.at, true)}: ${[r.function, r.answer].filter(Boolean).join(", ")}${r.place ? `, at ${r.place}` : ""}`;
  const way = { received: "from", sent: "to", unsent: "could not be sent to" }[r.kind];
  return `${clock(r.at, true)}: ${titleOf(r.text)} ${way} ${r.peer}`;
}

// ladder draws records; chosen is called with the one that was clicked or reached by the arrow keys.
export function ladder(records, chosen) {
  const columns = sides(records);
  const wide = Math.max(least, Math.min(320, 1000 / Math.max(1, columns.length)));
  const x = i => timeWidth + wide * (i + 0.5);
  const width = timeWidth + wide * columns.length, height = head + rowHeight * records.length + 12;
  const svg = draw("svg", { width, height, role: "listbox", "aria-label": "Messages and steps", tabindex: "0" });
  columns.forEach((name, i) => {
    svg.append(draw("text", { x: x(i), y: 18, "text-anchor": "middle", "font-weight": "600" }, name || "sipscript"),
      draw("line", { x1: x(i), x2: x(i), y1: 28, y2: height }));
  });
  let at = -1;
  const rows = records.map((r, i) => row(r, i));
  const choose = i => {
    if (i < 0 || i >= rows.length) return;
    rows[at]?.setAttribute("aria-selected", "false");
    at = i;
    rows[i].setAttribute("aria-selected", "true");
    svg.setAttribute("aria-activedescendant", rows[i].id);
    rows[i].scrollIntoView({ block: "nearest" });
    chosen(records[i]);
  };

  function row(r, i) {
    const y = head + rowHeight * i, middle = y + rowHeight / 2;
    const g = draw("g", { role: "option", id: `record-${i}`, "aria-selected": "false", "aria-description": words(r), click: () => choose(i) },
      draw("rect", { x: 0, y, width, height: rowHeight }),
      draw("text", { x: 8, y: middle + 4, class: "faint" }, clock(r.at, true)));
    const us = columns.indexOf("");
    if (!r.text) {
      g.classList.add("step");
      const text = [r.function, r.answer].filter(Boolean).join(": ") + (r.place ? `  ${r.place.split("/").pop()}` : ""); // the file's name is enough here
      g.append(draw("text", { x: x(us) + 8, y: middle + 4 }, text.length > 90 ? `${text.slice(0, 89)}…` : text));
      return g;
    }
    const peer = columns.indexOf(r.peer), title = titleOf(r.text);
    const [from, to] = r.kind === "received" ? [x(peer), x(us)] : [x(us), x(peer)];
    const tip = to > from ? -7 : 7;
    const tone = toneOf(title);
    if (tone) g.classList.add(tone);
    if (r.kind === "unsent") g.classList.add("lost");
    g.append(draw("line", { class: "arrow", x1: from, x2: to, y1: middle + 6, y2: middle + 6 }),
      draw("path", { class: "arrow", d: `M${to + tip} ${middle + 2}L${to} ${middle + 6}L${to + tip} ${middle + 10}` }),
      draw("text", { x: (from + to) / 2, y: middle, "text-anchor": "middle" }, `${title}  ${/^\d/.test(title) ? cseqOf(r.text) : ""}`.slice(0, 44)));
    return g;
  }

  svg.append(...rows);
  svg.addEventListener("keydown", e => {
    const next = { ArrowDown: at + 1, ArrowUp: Math.max(0, at - 1), Home: 0, End: rows.length - 1 }[e.key];
    if (next === undefined) return;
    e.preventDefault();
    choose(next);
  });
  return make("div", { class: "ladder" }, svg);
}
