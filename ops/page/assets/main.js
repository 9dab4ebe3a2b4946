// The page: what is always there, and one view at a time.
import { act, live, Refused, useToken } from "./api.js";
import { count, make, span, sure, tell } from "./dom.js";
import { showKeys } from "./call.js";
import { Plot } from "./plot.js";
import * as views from "./views.js";

const refreshEvery = 2000; // milliseconds
const kept = 300; // seconds of the plots

const again = () => refresh();
const all = [views.calls, views.registrations, views.destinations, views.script, views.protection].map(v => v(again));
let current = all[0], asking, busy = 0;

// The view of the tab, which the address names.
function choose() {
  const name = location.hash.slice(1).toLowerCase();
  current = all.find(v => v.name.toLowerCase() === name) ?? all[0];
  document.getElementById("view").replaceChildren(current.element);
  for (const a of document.querySelectorAll("#tabs a")) {
    if (a.textContent === current.name) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  }
  refresh();
}

async function refresh() {
  asking?.abort();
  asking = new AbortController();
  const of = current;
  busy++;
  try {
    await of.refresh(asking.signal);
    of.element.querySelector(".unavailable")?.remove();
  } catch (e) {
    if (e.name === "AbortError" || of !== current) return;
    if (e instanceof Refused && e.status === 401) return askToken();
    of.element.querySelector(".unavailable")?.remove();
    of.element.prepend(make("p", { class: "unavailable warn" }, e.status === 404 ? "This server has no such module, or its script does not configure it." : e.message));
  } finally {
    busy--;
  }
}

let asked = false;

function askToken() {
  if (asked) return;
  asked = true;
  const field = make("input", { type: "password", required: true, autocomplete: "off", "aria-label": "Token" });
  const form = make("form", { class: "tools", submit: e => {
    e.preventDefault();
    useToken(field.value.trim());
    location.reload();
  } }, field, make("button", {}, "Use it"));
  document.getElementById("view").replaceChildren(make("h2", {}, "This server asks for a token"), make("p", {}, "One of those in the file of --admin-tokens. It is kept until this tab is closed."), form);
  field.focus();
}

// Plots and the line of the head live from a stream of samples, one a second.
const plots = [
  [new Plot("Calls in progress", count), s => s.calls],
  [new Plot("New calls", v => `${v.toFixed(1)}/s`), s => s.rates.calls],
  [new Plot("Other requests", v => `${v.toFixed(1)}/s`), s => s.rates.requests],
  [new Plot("Failures", v => `${v.toFixed(1)}/s`), s => s.rates.failures],
  [new Plot("Work waits", v => v < 0.001 ? `${(v * 1e6).toFixed(0)} µs` : `${(v * 1e3).toFixed(1)} ms`), s => s.delay_seconds],
];
let samples = [];

function heard(sample) {
  samples = [...(sample.history ?? []), ...samples, ...(sample.history ? [] : [sample])].slice(-kept);
  const last = samples.at(-1);
  if (!last) return;
  for (const [plot, of] of plots) plot.show(samples.map(of));
  document.getElementById("state").textContent = `${last.state}, script generation ${last.generation}, up ${span(last.uptime_seconds)}, version ${last.version}`;
  document.getElementById("state").className = last.state === "serving" ? "" : "warn";
}

function gone(e) {
  samples = [];
  if (e.status === 401) return askToken();
  const p = document.getElementById("state");
  p.textContent = `${e.message}: trying again`;
  p.className = "bad";
}

function theme() {
  const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", document.documentElement.dataset.theme);
}

function keys(e) {
  if (e.ctrlKey || e.metaKey || e.altKey || e.target.matches("input, select, textarea") || document.getElementById("dialog").open) return;
  const view = all[Number(e.key) - 1];
  if (view) location.hash = view.name.toLowerCase();
  else if (e.key === "/" && current.search) current.search.focus();
  else if (e.key === "r") reload.click();
  else if (e.key === "t") theme();
  else if (e.key === "?") showKeys(all.map(v => v.name));
  else return;
  e.preventDefault();
}

addEventListener("tokenneeded", askToken);

const reload = sure("Reload the script", "every new call goes to what the file says now", async () => {
  await act("POST", "/reload");
  refresh();
});
reload.id = "reload";

function begin() {
  const kept = localStorage.getItem("theme");
  if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
  document.getElementById("reload").replaceWith(reload);
  document.getElementById("theme").addEventListener("click", theme);
  document.getElementById("help").addEventListener("click", () => showKeys(all.map(v => v.name)));
  document.getElementById("plots").append(...plots.map(([p]) => p.element));
  document.getElementById("tabs").append(...all.map(v => make("li", {}, make("a", { href: `#${v.name.toLowerCase()}` }, v.name))));
  addEventListener("hashchange", choose);
  addEventListener("keydown", keys);
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
  choose();
  setInterval(() => document.hidden || document.getElementById("dialog").open || busy || refresh(), refreshEvery);
  live("/api/v1/live", heard, gone);
}

tell("");
begin();
