// How the page talks to the server that it came from.

let token = sessionStorage.getItem("token") ?? "";

export function useToken(text) {
  token = text;
  sessionStorage.setItem("token", text);
}

// Refused is an answer that is not 2xx; status 0: the server did not answer.
export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

function options(method, body, signal) {
  const o = { method, headers: {}, signal, cache: "no-store" };
  if (token) o.headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) {
    o.headers["Content-Type"] = "application/json";
    o.body = JSON.stringify(body);
  }
  return o;
}

async function ask(method, path, body, signal) {
  let res;
  try {
    res = await fetch(path, options(method, body, signal));
  } catch (e) {
    if (e.name === "AbortError") throw e;
    throw new Refused(0, "the server does not answer");
  }
  if (res.ok) return res;
  let text = `${res.status} ${res.statusText}`;
  try {
    text = (await res.json()).error ?? text;
  } catch { /* not JSON: the status says it */ }
  if (res.status === 401) dispatchEvent(new Event("tokenneeded"));
  throw new Refused(res.status, text);
}

// query makes "?a=1&b=2" of what is not empty.
export function query(params) {
  const q = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== "" && value !== undefined && value !== null) q.set(name, value);
  }
  const text = q.toString();
  return text && `?${text}`;
}

export const get = async (path, signal) => (await ask("GET", path, undefined, signal)).json();
export const act = async (method, path, body) => (await ask(method, path, body)).json();

// live calls heard with each object of a stream of server-sent events, and gone when it ended, until
// the page goes. A fetch has the token in its head, which an EventSource can't.
export async function live(path, heard, gone) {
  for (let wait = 500; ; wait = Math.min(wait * 2, 8000)) {
    try {
      const reader = (await ask("GET", path)).body.pipeThrough(new TextDecoderStream()).getReader();
      for (let text = ""; ;) {
        const { value, done } = await reader.read();
        if (done) break;
        text += value;
        const events = text.split("\n\n");
        text = events.pop();
        for (const event of events) {
          if (event.startsWith("data: ")) heard(JSON.parse(event.slice(6)));
        }
        wait = 500;
      }
      gone(new Refused(0, "the server ended the connection"));
    } catch (e) {
      gone(e instanceof Refused ? e : new Refused(0, "the server does not answer"));
    }
    await new Promise(done => setTimeout(done, wait));
  }
}
