import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { Backoff } from "../src/backoff.js";
import { clock, hex, level, plain, rows } from "../src/decode.js";
import { parseFragment } from "../src/fragment.js";

test("backoff grows from 1 s to 30 s, with jitter, and begins anew", () => {
  for (const random of [0, 0.5, 0.999]) {
    const backoff = new Backoff(() => random);
    const waits = Array.from({ length: 12 }, () => backoff.next());
    assert.ok(waits.every((wait) => wait >= 1000 && wait <= 30_000), String(waits));
    assert.ok(waits[11] >= 15_000);
    backoff.reset();
    assert.ok(backoff.next() <= 1000);
  }
  assert.notEqual(new Backoff(() => 0).next() + new Backoff(() => 0).next(5000), 0);
  assert.equal(new Backoff(() => 0).next(70_000), 70_000);
});

test("the fragment carries token and filter", () => {
  assert.deepEqual(parseFragment("#token=a.b-c_d&filter=level%3E%3Dwarn"), { token: "a.b-c_d", filter: "level>=warn" });
  assert.deepEqual(parseFragment(""), { token: "", filter: null });
});

test("severities become levels", () => {
  assert.equal(level("SEVERITY_WARN3"), "warn");
  assert.equal(level(21), "fatal");
  assert.equal(level(undefined), "");
  assert.equal(level("SEVERITY_UNSPECIFIED"), "");
});

test("a record's row has its batch's service, its place, its trace and its fields", () => {
  const [first, second] = rows({
    batches: [
      {
        firstOffset: "9007199254740993",
        indexes: [1, 4],
        resource: { service: "orders", host: "h" },
        receivedTimeUnixNano: "1790000000123000000",
        records: [
          { body: "a", traceId: "AAECAwQFBgcICQoLDA0ODw==", attributes: { n: { intValue: "5" }, none: {} } },
          { body: "b", service: "own", exception: { stacktrace: "x\n\tat y" } },
        ],
      },
    ],
  });
  assert.equal(first.offset, "9007199254740994");
  assert.equal(second.offset, "9007199254740997");
  assert.equal(first.service, "orders");
  assert.equal(second.service, "own");
  assert.equal(second.stacktrace, "x\n\tat y");
  assert.match(first.time, /^\d\d:\d\d:\d\d\.123$/);
  const fields = Object.fromEntries(first.fields);
  assert.equal(fields.trace, "000102030405060708090a0b0c0d0e0f");
  assert.equal(fields.n, "5");
  assert.equal(fields.none, "null");
});

test("small decoders", () => {
  assert.equal(hex("/w=="), "ff");
  assert.equal(plain({ boolValue: false }), "false");
  assert.equal(clock(0n).length, 12);
});

test("text is only ever set as text", () => {
  const folder = new URL("../src/", import.meta.url);
  for (const name of readdirSync(folder)) {
    const text = readFileSync(new URL(name, folder), "utf8");
    assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|eval\(|new Function/, name);
    if (name.endsWith(".html")) assert.doesNotMatch(text, /<script(?![^>]*src=)|\son\w+=|style=/, name);
  }
});
