// Puts the page together: the session decides, this carries it out.

import { parseFragment } from "./fragment.js";
import { Session } from "./session.js";
import { View } from "./view.js";

const KEY = "loghub-token";
const view = new View(document);
const session = new Session();
const filter = /** @type {HTMLInputElement} */ (view.element("filter"));
const token = /** @type {HTMLInputElement} */ (view.element("token"));
/** @type {WebSocket | null} */
let socket = null;
let waiting = 0;
let watching = 0;

/** @param {import("./session.js").Command[]} commands */
function run(commands) {
  for (const command of commands) carryOut(command);
}

/** @param {import("./session.js").Command} command */
function carryOut(command) {
  switch (command.do) {
    case "open":
      return open(command.token);
    case "close":
      return close();
    case "send":
      return socket?.readyState === WebSocket.OPEN ? socket.send(JSON.stringify(command.message)) : undefined;
    case "wait":
      waiting = setTimeout(() => run(session.connect()), command.ms);
      return;
    case "watch":
      clearTimeout(watching);
      watching = setTimeout(() => run(session.onSilence()), command.ms);
      return;
    case "whoami":
      return void whoami(command.token);
    case "rows":
      return view.add(command.rows);
    case "gap":
      return view.add([command.text]);
    case "clear":
      return view.clear();
    case "tenant":
      return view.tenant(command.tenant, command.tenants);
    case "filterError":
      return view.filterError(command.message, command.column, filter.value);
    case "filterGood":
      return view.filterError("", 0, "");
    case "state":
      if (command.state === "refused") sessionStorage.removeItem(KEY);
      return view.state(command.state, command.text);
  }
}

/** @param {string} bearer */
function open(bearer) {
  clearTimeout(waiting);
  const opened = new WebSocket(`wss://${location.host}/v1/tail`, ["loghub.v1.json", `bearer.${bearer}`]);
  socket = opened;
  /** @param {() => import("./session.js").Command[]} event */
  const mine = (event) => {
    if (socket === opened) run(event());
  };
  opened.onopen = () => mine(() => session.onOpen());
  opened.onmessage = (event) => mine(() => session.onMessage(JSON.parse(event.data)));
  opened.onclose = (event) => mine(() => session.onClose(event.code, event.reason));
}

function close() {
  clearTimeout(waiting);
  clearTimeout(watching);
  const old = socket;
  socket = null;
  old?.close();
}

/** @param {string} bearer */
async function whoami(bearer) {
  try {
    const answer = await fetch("/v1/whoami", { headers: { Authorization: `Bearer ${bearer}` } });
    const body = await answer.json();
    run(session.onWhoami(answer.status, body.error ?? ""));
  } catch {
    run(session.onWhoami(0, ""));
  }
}

/** @param {string} bearer */
function enter(bearer) {
  sessionStorage.setItem(KEY, bearer);
  run(session.useToken(bearer));
}

/** Take token and filter from the address, and the token out of it. */
function fromAddress() {
  const found = parseFragment(location.hash);
  if (found.filter !== null) {
    filter.value = found.filter;
    run(session.setFilter(found.filter));
  }
  if (found.token) {
    history.replaceState(null, "", location.pathname + location.search);
    enter(found.token);
  }
  return found.token !== "";
}

view.element("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  enter(token.value.trim());
  token.value = "";
});
view.element("filter-form").addEventListener("submit", (event) => {
  event.preventDefault();
  run(session.setFilter(filter.value));
});
view.element("pause").addEventListener("click", () => view.pause(!view.paused));
view.tenants.addEventListener("change", () => run(session.setTenant(view.tenants.value)));
view.element("clear").addEventListener("click", () => view.clear());
window.addEventListener("hashchange", fromAddress);
window.addEventListener("online", () => {
  if (session.state === "disconnected") run(session.connect());
});
const kept = sessionStorage.getItem(KEY);
if (!fromAddress() && kept) run(session.useToken(kept));
