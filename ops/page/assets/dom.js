// What the views are made of. Text of strangers only ever becomes text.

// make makes an element: make("td", { class: "number" }, "12"). Functions become listeners.
export function make(name, attributes = {}, ...children) {
  const e = document.createElement(name);
  dress(e, attributes);
  e.append(...children.filter(c => c !== undefined && c !== null && c !== false));
  return e;
}

// draw is make for SVG.
export function draw(name, attributes = {}, ...children) {
  const e = document.createElementNS("http://www.w3.org/2000/svg", name);
  dress(e, attributes);
  e.append(...children.filter(c => c !== undefined && c !== null && c !== false));
  return e;
}

function dress(e, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") e.addEventListener(name, value);
    else if (value === true) e.setAttribute(name, "");
    else if (value !== false && value !== undefined && value !== null) e.setAttribute(name, value);
  }
}

// sure is a button that asks once more before it acts, and then tells what came of it.
export function sure(text, what, doIt) {
  let armed;
  const b = make("button", { type: "button", "aria-label": `${text} ${what}` }, text);
  const disarm = () => {
    clearTimeout(armed);
    armed = undefined;
    b.classList.remove("sure");
    b.textContent = text;
    b.setAttribute("aria-label", `${text} ${what}`);
  };
  b.addEventListener("click", async event => {
    event.stopPropagation();
    if (armed === undefined) {
      b.classList.add("sure");
      b.textContent = `${text}, sure?`;
      b.setAttribute("aria-label", `${text} ${what}: press once more`);
      armed = setTimeout(disarm, 4000);
      return;
    }
    disarm();
    b.disabled = true;
    try {
      await doIt();
      tell(`${text}: ${what}`, true);
    } catch (e) {
      tell(e.message);
    }
    b.disabled = false;
  });
  b.addEventListener("blur", disarm);
  return b;
}

let forget;

// tell shows what came of an act.
export function tell(text, well = false) {
  const p = document.getElementById("told");
  clearTimeout(forget);
  p.textContent = text;
  p.hidden = !text;
  p.classList.toggle("well", well);
  if (well) forget = setTimeout(() => { p.hidden = true; }, 6000);
}

// since says how long ago a time was, or how long seconds are.
export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`;
}

export const count = n => n.toLocaleString("en");

export function clock(text, fine = false) {
  if (!text) return "";
  const d = new Date(text);
  const two = n => String(n).padStart(2, "0");
  const time = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
  return fine ? `${time}.${String(d.getMilliseconds()).padStart(3, "0")}` : time;
}
