import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { plain, rows } from "../src/decode.js";

/** @type {{name: string, type: string, json: any}[]} */
const vectors = JSON.parse(readFileSync(new URL("../../proto/testdata/vectors.json", import.meta.url), "utf8"));
const of = (/** @type {string} */ type) => vectors.filter((vector) => vector.type === `loghub.v1.${type}`);

test("every golden record, batch and resource makes rows", () => {
  for (const { json } of of("LogRecord")) assert.equal(rows({ batches: [{ records: [json] }] }).length, 1);
  for (const { json } of of("Resource")) assert.equal(rows({ batches: [{ resource: json, records: [{}] }] }).length, 1);
  for (const { json } of of("Batch")) assert.equal(rows({ batches: [json] }).length, json.records?.length ?? 0);
  assert.ok(of("LogRecord").length > 10 && of("Resource").length > 3 && of("Batch").length > 5);
});

test("every golden value is shown, and no digit of a number is lost", () => {
  const shown = Object.fromEntries(of("Value").map(({ name, json }) => [name, plain(json)]));
  assert.equal(shown["int64-smallest"], "-9223372036854775808");
  assert.equal(shown["int64-beyond-a-double"], "9007199254740993");
  assert.equal(shown["double-nan"], "NaN");
  assert.equal(shown["double-negative-infinity"], "-Infinity");
  assert.equal(shown["double-smallest"], "5e-324");
  assert.equal(shown["string-empty-in-a-oneof"], "");
  assert.equal(shown["bool-false-in-a-oneof"], "false");
  assert.equal(shown["null-is-a-value-without-kind"], "null");
  assert.equal(shown["string-beyond-the-bmp"], "\u{1f600}\u{10000}\u{10ffff}");
});

test("offsets beyond a double keep their digits", () => {
  const { json } = of("Batch").find(({ name }) => name === "uint64-beyond-a-double") ?? { json: {} };
  const [row] = rows({ batches: [{ ...json, records: [{}] }] });
  assert.equal(row.offset, "9007199254740993");
});
