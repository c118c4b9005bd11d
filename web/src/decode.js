// Messages of loghub.v1.json as rows for the page.

/**
 * @typedef {object} Row
 * @property {string} offset
 * @property {string} time
 * @property {string} level
 * @property {string} service
 * @property {string} logger
 * @property {string} body
 * @property {[string, string][]} fields
 * @property {string} stacktrace
 */

const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"];

/** @param {any} records a Records message @returns {Row[]} */
export function rows(records) {
  /** @type {Row[]} */
  const out = [];
  for (const batch of records.batches ?? []) {
    const first = BigInt(batch.firstOffset ?? 0);
    (batch.records ?? []).forEach((/** @type {any} */ record, /** @type {number} */ position) => {
      const index = batch.indexes?.length ? batch.indexes[position] : position;
      out.push(row(record, batch, String(first + BigInt(index))));
    });
  }
  return out;
}

/** @param {any} record @param {any} batch @param {string} offset @returns {Row} */
function row(record, batch, offset) {
  const resource = batch.resource ?? {};
  const nanos = record.timeUnixNano ?? record.observedTimeUnixNano ?? batch.receivedTimeUnixNano ?? "0";
  const exception = record.exception ?? {};
  return {
    offset,
    time: clock(BigInt(nanos)),
    level: level(record.severity),
    service: record.service || resource.service || "",
    logger: record.logger ?? "",
    body: record.body ?? "",
    fields: fields(record, resource, offset),
    stacktrace: exception.stacktrace || [exception.type, exception.message].filter(Boolean).join(": "),
  };
}

/** @param {string | number | undefined} severity @returns {string} such as "warn"; "" where unknown */
export function level(severity) {
  if (typeof severity === "number") return LEVELS[Math.floor((severity - 1) / 4)] ?? "";
  const name = (severity ?? "").replace(/^SEVERITY_/, "").replace(/\d$/, "").toLowerCase();
  return LEVELS.includes(name) ? name : "";
}

/** @param {bigint} nanos since 1970 @returns {string} local time with milliseconds */
export function clock(nanos) {
  const date = new Date(Number(nanos / 1_000_000n));
  /** @param {number} number @param {number} width */
  const pad = (number, width = 2) => String(number).padStart(width, "0");
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`;
}

/** @param {any} record @param {any} resource @param {string} offset @returns {[string, string][]} */
function fields(record, resource, offset) {
  /** @type {[string, string][]} */
  const out = [];
  /** @param {string} name @param {string | undefined} value */
  const add = (name, value) => {
    if (value) out.push([name, value]);
  };
  add("offset", offset);
  add("level", record.severityText);
  add("logger", record.logger);
  add("thread", record.thread);
  add("host", record.host || resource.host);
  add("trace", hex(record.traceId));
  add("span", hex(record.spanId));
  for (const [name, value] of Object.entries(record.attributes ?? {})) out.push([name, plain(value)]);
  for (const [name, value] of Object.entries(resource.attributes ?? {})) out.push([name, plain(value)]);
  return out;
}

/** @param {string | undefined} base64 @returns {string} */
export function hex(base64) {
  if (!base64) return "";
  return Array.from(atob(base64), (byte) => byte.charCodeAt(0).toString(16).padStart(2, "0")).join("");
}

/** @param {any} value a Value message @returns {string} */
export function plain(value) {
  const [found] = Object.values(value);
  return found === undefined ? "null" : String(found);
}
