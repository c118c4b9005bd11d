// The page's session as a state machine: events in, commands out. It knows no socket, no clock and no document.
//
//   idle          no token
//   connecting    a socket is being opened
//   live          subscribed
//   disconnected  waiting to connect again
//   refused       the token is not good: a person must give another
//
// The cursor of the last message that was shown is kept over reconnections, so the log goes on where it stopped; the
// offset of the last row guards against a row being shown twice.

import { Backoff } from "./backoff.js";
import { rows } from "./decode.js";

/**
 * @typedef {{do: "open", token: string} | {do: "close"} | {do: "send", message: object} | {do: "wait", ms: number}
 *   | {do: "whoami", token: string} | {do: "rows", rows: import("./decode.js").Row[]} | {do: "gap", text: string}
 *   | {do: "state", state: string, text: string} | {do: "tenant", tenant: string, tenants: string[]} | {do: "watch", ms: number}
 *   | {do: "filterError", message: string, column: number} | {do: "filterGood"} | {do: "clear"}} Command
 */

const LAST = 200;
const SILENT_MS = 30_000;
const PONG_MS = 10_000;
const TOKEN_CODES = [4401, 4403, 4408];
const REASONS = /** @type {Record<string, string>} */ ({
  GAP_REASON_RETENTION: "removed by retention",
  GAP_REASON_CORRUPT: "damaged on the hub's disk",
});

export class Session {
  /** @param {() => number} random */
  constructor(random = Math.random) {
    this.backoff = new Backoff(random);
    this.state = "idle";
    this.token = "";
    this.filter = "";
    /** @type {string | null} */
    this.cursor = null;
    this.lastOffset = -1n;
    this.opened = false;
    this.pinged = false;
    this.retryAfterMs = 0;
    /** Which of several tenants is watched; "": the token's own. */
    this.tenant = "";
    this.serial = 0;
    this.active = "";
    /** @type {{id: string, filter: string} | null} */
    this.pending = null;
  }

  /** @param {string} token @returns {Command[]} */
  useToken(token) {
    this.token = token;
    this.tenant = "";
    this.cursor = null;
    this.lastOffset = -1n;
    this.backoff.reset();
    return [{ do: "clear" }, { do: "close" }, ...this.connect()];
  }

  /** @returns {Command[]} */
  connect() {
    if (!this.token) return [];
    this.opened = false;
    this.pinged = false;
    this.retryAfterMs = 0;
    this.active = "";
    this.pending = null;
    return [this.become("connecting", "connecting …"), { do: "open", token: this.token }];
  }

  /** @returns {Command[]} */
  onOpen() {
    this.opened = true;
    return [{ do: "watch", ms: SILENT_MS }];
  }

  /** What is watched stands or falls with the tenant, so the first subscription waits for this.
   * @param {any} welcome @returns {Command[]} */
  onWelcome(welcome) {
    const tenants = welcome.tenants ?? [];
    if (!tenants.includes(this.tenant)) this.tenant = tenants.length > 1 ? welcome.tenant || tenants[0] : "";
    const tenant = this.tenant || (welcome.tenant ?? tenants[0] ?? "");
    return [{ do: "tenant", tenant, tenants }, ...this.subscribe(this.filter)];
  }

  /** @param {string} tenant @returns {Command[]} */
  setTenant(tenant) {
    if (tenant === this.tenant) return [];
    this.tenant = tenant;
    this.cursor = null;
    this.lastOffset = -1n;
    const old = this.active;
    this.active = "";
    /** @type {Command[]} */
    const commands = [{ do: "clear" }];
    if (!this.opened) return commands;
    if (old) commands.push({ do: "send", message: { unsubscribe: { id: old } } });
    return [...commands, ...this.subscribe(this.filter)];
  }

  /** Subscribe under a new name; the old subscription stays until the hub has taken the new one.
   * @param {string} filter @returns {Command[]} */
  subscribe(filter) {
    this.serial += 1;
    const id = `page-${this.serial}`;
    this.pending = { id, filter };
    const from = this.cursor && filter === this.filter ? { cursor: this.cursor } : { last: LAST };
    const whose = this.tenant ? { tenant: this.tenant } : {};
    return [{ do: "send", message: { subscribe: { id, filter, ...whose, ...from } } }];
  }

  /** @param {string} filter @returns {Command[]} */
  setFilter(filter) {
    if (this.state !== "live") {
      if (filter !== this.filter) this.cursor = null;
      this.filter = filter;
      return [];
    }
    return this.subscribe(filter);
  }

  /** @param {any} message @returns {Command[]} */
  onMessage(message) {
    this.pinged = false;
    const commands = this.handle(message);
    return this.opened ? [...commands, { do: "watch", ms: SILENT_MS }] : commands;
  }

  /** @param {any} message @returns {Command[]} */
  handle(message) {
    if (message.welcome) return this.onWelcome(message.welcome);
    if (message.subscribed) return this.onSubscribed(message.subscribed);
    if (message.error) return this.onError(message.error);
    if (message.goodbye) {
      this.retryAfterMs = Math.round(parseFloat(message.goodbye.retryAfter ?? "0") * 1000);
      return [];
    }
    const body = message.records ?? message.position ?? message.gap;
    if (!body || body.id !== this.active) return [];
    this.cursor = body.cursor ?? this.cursor;
    if (message.gap) return [this.gap(message.gap)];
    if (!message.records) return [];
    const fresh = rows(message.records).filter((row) => BigInt(row.offset) > this.lastOffset);
    if (!fresh.length) return [];
    this.lastOffset = BigInt(fresh[fresh.length - 1].offset);
    return [{ do: "rows", rows: fresh }];
  }

  /** @param {any} subscribed @returns {Command[]} */
  onSubscribed(subscribed) {
    if (!this.pending || subscribed.id !== this.pending.id) return [];
    const filter = this.pending.filter;
    const old = this.active;
    /** @type {Command[]} */
    const commands = [{ do: "filterGood" }];
    if (old) commands.push({ do: "send", message: { unsubscribe: { id: old } } });
    if (old || filter !== this.filter) {
      this.lastOffset = -1n;
      commands.push({ do: "clear" });
    }
    this.active = subscribed.id;
    this.pending = null;
    this.filter = filter;
    this.cursor = subscribed.cursor ?? null;
    this.backoff.reset();
    return [...commands, this.become("live", "live")];
  }

  /** @param {any} error @returns {Command[]} */
  onError(error) {
    if (error.id && error.id === this.pending?.id) {
      const first = !this.active;
      this.pending = null;
      /** @type {Command} */
      const shown = { do: "filterError", message: error.message ?? "", column: error.column ?? 0 };
      if (error.code === "ERROR_CODE_BAD_CURSOR") {
        this.cursor = null;
        return this.subscribe(this.filter);
      }
      if (!first) return [shown];
      this.filter = "";
      return [shown, ...this.subscribe("")];
    }
    return [{ do: "gap", text: error.message ?? "the hub reports an error" }];
  }

  /** @param {any} gap @returns {Command} */
  gap(gap) {
    if (gap.reason === "GAP_REASON_EPOCH") {
      this.lastOffset = -1n;
      return { do: "gap", text: "the hub's log was made anew: what was not read before is gone" };
    }
    const why = REASONS[gap.reason] ?? "no longer there";
    return { do: "gap", text: `${gap.count ?? 0} records are missing here: ${why}` };
  }

  /** @param {number} code @param {string} reason @returns {Command[]} */
  onClose(code, reason) {
    const neverOpened = !this.opened;
    this.opened = false;
    this.active = "";
    this.pending = null;
    if (TOKEN_CODES.includes(code)) return [this.refuse(reason || "the token is not good any more")];
    if ((code >= 3500 && code <= 3999) || (code >= 4500 && code <= 4999)) {
      return [this.become("refused", `the hub ended the connection: ${reason || code}`)];
    }
    // A browser does not say why a handshake failed; the hub does, when asked.
    if (neverOpened) return [this.become("disconnected", "cannot connect"), { do: "whoami", token: this.token }];
    return this.retry("disconnected");
  }

  /** @param {number} status of /v1/whoami; 0 where there was no answer @param {string} message @returns {Command[]} */
  onWhoami(status, message) {
    if (this.state !== "disconnected") return [];
    if (status === 401 || status === 403) return [this.refuse(message || "the token is not good")];
    return this.retry(status ? "cannot connect" : "the hub cannot be reached");
  }

  /** Nothing came for a while: ask, and give up on a second silence. @returns {Command[]} */
  onSilence() {
    if (!this.opened) return [];
    if (this.pinged) return [{ do: "close" }, ...this.lost()];
    this.pinged = true;
    return [{ do: "send", message: { type: "PING" } }, { do: "watch", ms: PONG_MS }];
  }

  /** @returns {Command[]} */
  lost() {
    this.opened = false;
    this.active = "";
    this.pending = null;
    return this.retry("disconnected");
  }

  /** @param {string} text @returns {Command[]} */
  retry(text) {
    const ms = this.backoff.next(this.retryAfterMs);
    this.retryAfterMs = 0;
    return [this.become("disconnected", `${text}, trying again in ${Math.ceil(ms / 1000)} s`), { do: "wait", ms }];
  }

  /** @param {string} text @returns {Command} */
  refuse(text) {
    this.token = "";
    return this.become("refused", text);
  }

  /** @param {string} state @param {string} text @returns {Command} */
  become(state, text) {
    this.state = state;
    return { do: "state", state, text };
  }
}
