import assert from "node:assert/strict";
import { test } from "node:test";

import { Session } from "../src/session.js";

const records = (id, first, bodies, cursor, indexes) => ({
  records: { id, cursor, batches: [{ firstOffset: String(first), indexes, records: bodies.map((body) => ({ body })) }] },
});
const of = (commands, what) => commands.filter((command) => command.do === what);
const sent = (commands) => of(commands, "send").map((command) => command.message);

function open(session, welcome = { tenant: "acme", tenants: ["acme"] }) {
  return [...session.onOpen(), ...session.onMessage({ welcome })];
}

function live(filter = "") {
  const session = new Session(() => 0.5);
  session.useToken("t");
  session.filter = filter;
  open(session);
  session.onMessage({ subscribed: { id: "page-1", cursor: "c0" } });
  return session;
}

test("connects with the token, then asks for the newest records", () => {
  const session = new Session();
  assert.deepEqual(of(session.useToken("t"), "open"), [{ do: "open", token: "t" }]);
  assert.deepEqual(sent(open(session)), [{ subscribe: { id: "page-1", filter: "", last: 200 } }]);
});

test("is live once the hub has taken the subscription", () => {
  assert.equal(live().state, "live");
});

test("resumes at the cursor of the last message after a break", () => {
  const session = live();
  session.onMessage(records("page-1", 5, ["a"], "c6"));
  session.onMessage({ position: { id: "page-1", cursor: "c9" } });
  session.onClose(1006, "");
  session.connect();
  assert.deepEqual(sent(open(session)), [{ subscribe: { id: "page-2", filter: "", cursor: "c9" } }]);
});

test("does not show a record twice, and keeps rows over a reconnection", () => {
  const session = live();
  session.onMessage(records("page-1", 5, ["a", "b"], "c7"));
  session.onClose(1006, "");
  session.connect();
  open(session);
  const subscribed = session.onMessage({ subscribed: { id: "page-2", cursor: "c7" } });
  assert.deepEqual(of(subscribed, "clear"), []);
  const [shown] = of(session.onMessage(records("page-2", 6, ["b", "c"], "c8")), "rows");
  assert.deepEqual(shown.rows.map((row) => row.body), ["c"]);
});

test("shows gaps with their exact count", () => {
  const [gap] = of(
    live().onMessage({ gap: { id: "page-1", count: "17", reason: "GAP_REASON_RETENTION", cursor: "c" } }),
    "gap",
  );
  assert.match(gap.text, /^17 records are missing here: removed by retention$/);
});

test("changes the filter without dropping the old subscription before the new one stands", () => {
  const session = live();
  const commands = session.setFilter("level>=warn");
  assert.deepEqual(sent(commands), [{ subscribe: { id: "page-2", filter: "level>=warn", last: 200 } }]);
  assert.equal(of(session.onMessage(records("page-1", 3, ["still"], "c4")), "rows").length, 1);
  const taken = session.onMessage({ subscribed: { id: "page-2", cursor: "c" } });
  assert.deepEqual(sent(taken), [{ unsubscribe: { id: "page-1" } }]);
  assert.equal(of(taken, "clear").length, 1);
  assert.deepEqual(of(session.onMessage(records("page-1", 4, ["late"], "c5")), "rows"), []);
});

test("a filter error keeps the old subscription and shows the column", () => {
  const session = live();
  session.setFilter("lvel>3");
  const commands = session.onMessage({ error: { id: "page-2", code: "ERROR_CODE_BAD_FILTER", message: "no", column: 1 } });
  assert.deepEqual(of(commands, "filterError"), [{ do: "filterError", message: "no", column: 1 }]);
  assert.equal(of(session.onMessage(records("page-1", 3, ["still"], "c4")), "rows").length, 1);
});

test("a bad cursor is forgotten and the subscription begun anew", () => {
  const session = live();
  session.onClose(1006, "");
  session.connect();
  open(session);
  const commands = session.onMessage({ error: { id: "page-2", code: "ERROR_CODE_BAD_CURSOR", message: "x" } });
  assert.deepEqual(sent(commands), [{ subscribe: { id: "page-3", filter: "", last: 200 } }]);
});

test("tells a refused token from a hub that cannot be reached", () => {
  const refused = new Session();
  refused.useToken("t");
  assert.deepEqual(of(refused.onClose(1006, ""), "whoami"), [{ do: "whoami", token: "t" }]);
  refused.onWhoami(401, "the token has expired");
  assert.equal(refused.state, "refused");
  const away = new Session();
  away.useToken("t");
  away.onClose(1006, "");
  assert.equal(of(away.onWhoami(0, ""), "wait").length, 1);
  assert.equal(away.state, "disconnected");
});

for (const code of [4401, 4403, 4408, 3500, 4999]) {
  test(`close code ${code} does not reconnect`, () => {
    const session = live();
    assert.deepEqual(of(session.onClose(code, "no"), "wait"), []);
    assert.equal(session.state, "refused");
  });
}

for (const code of [1001, 1006, 1012, 3000, 4000, 4399]) {
  test(`close code ${code} reconnects`, () => {
    const session = live();
    assert.equal(of(session.onClose(code, ""), "wait").length, 1);
  });
}

test("waits as long as the hub's goodbye asks", () => {
  const session = live();
  session.onMessage({ goodbye: { reason: "GOODBYE_REASON_SHUTDOWN", reconnect: true, retryAfter: "4.5s" } });
  const [wait] = of(session.onClose(1001, ""), "wait");
  assert.equal(wait.ms, 4500);
});

test("asks after a silence, and reconnects after a second one", () => {
  const session = live();
  assert.deepEqual(sent(session.onSilence()), [{ type: "PING" }]);
  session.onMessage({ type: "PONG" });
  assert.deepEqual(sent(session.onSilence()), [{ type: "PING" }]);
  const lost = session.onSilence();
  assert.equal(of(lost, "close").length, 1);
  assert.equal(of(lost, "wait").length, 1);
});

test("says whose records they are, and offers no choice where there is none", () => {
  const [shown] = of(open(connecting()), "tenant");
  assert.deepEqual(shown, { do: "tenant", tenant: "acme", tenants: ["acme"] });
});

function connecting() {
  const session = new Session();
  session.useToken("t");
  return session;
}

test("names the tenant where the token reads several, and its own first", () => {
  const both = { tenant: "globex", tenants: ["acme", "globex"] };
  const session = connecting();
  const commands = open(session, both);
  assert.equal(of(commands, "tenant")[0].tenant, "globex");
  assert.equal(sent(commands)[0].subscribe.tenant, "globex");
  const none = open(connecting(), { tenants: ["acme", "globex"] });
  assert.equal(sent(none)[0].subscribe.tenant, "acme");
});

test("another tenant is watched from its newest, and stays chosen over a reconnection", () => {
  const both = { tenant: "acme", tenants: ["acme", "globex"] };
  const session = connecting();
  open(session, both);
  session.onMessage({ subscribed: { id: "page-1", cursor: "c0" } });
  session.onMessage(records("page-1", 5, ["a"], "c6"));
  const commands = session.setTenant("globex");
  assert.equal(of(commands, "clear").length, 1);
  assert.deepEqual(sent(commands), [
    { unsubscribe: { id: "page-1" } },
    { subscribe: { id: "page-2", filter: "", tenant: "globex", last: 200 } },
  ]);
  assert.deepEqual(of(session.onMessage(records("page-1", 6, ["late"], "c7")), "rows"), []);
  session.onMessage({ subscribed: { id: "page-2", cursor: "d0" } });
  assert.equal(of(session.onMessage(records("page-2", 0, ["theirs"], "d1")), "rows").length, 1);
  session.onClose(1006, "");
  session.connect();
  assert.deepEqual(sent(open(session, both)), [
    { subscribe: { id: "page-3", filter: "", tenant: "globex", cursor: "d1" } },
  ]);
});
