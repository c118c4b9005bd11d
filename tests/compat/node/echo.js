// Reads messages and writes them again, for another language to compare: what io.loghub.compat.Echo does in Java, by the
// same frames. `node echo.js CONTRACT`: a file with the contract as a serialised FileDescriptorSet.

import { readFileSync } from "node:fs";
import { createFileRegistry, fromBinary, fromJsonString, toBinary, toJsonString } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(process.argv[2])));
const TAKEN = Buffer.of(0);
const REFUSED = Buffer.of(1);

/** Is thrown for what is no message; the program ends, as it does for any other fault of its own. */
class Unfit extends Error {}

function kindOf(name) {
  const kind = registry.getMessage(name);
  if (!kind) throw new Unfit(`the contract has no message ${name}`);
  return kind;
}

function written(what, kind, content) {
  switch (what) {
    case "B":
      return toBinary(kind, fromBinary(kind, content));
    case "J":
      return Buffer.from(toJsonString(kind, fromBinary(kind, content)));
    case "P":
      return toBinary(kind, fromJsonString(kind, content.toString("utf8")));
    case "R":
      return both(kind, fromBinary(kind, content));
    default:
      throw new Unfit(`nothing is done for ${what}`);
  }
}

function both(kind, message) {
  const binary = toBinary(kind, message);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(binary.length);
  return Buffer.concat([length, binary, Buffer.from(toJsonString(kind, message))]);
}

function answer(request) {
  const name = request.subarray(2, 2 + request[1]).toString("utf8");
  try {
    const content = written(String.fromCharCode(request[0]), kindOf(name), request.subarray(2 + request[1]));
    return Buffer.concat([TAKEN, content]);
  } catch (error) {
    if (error instanceof Unfit) throw error;
    return Buffer.concat([REFUSED, Buffer.from(String(error.message))]);
  }
}

let held = Buffer.alloc(0);
for await (const chunk of process.stdin) {
  held = Buffer.concat([held, chunk]);
  const answers = [];
  let at = 0;
  while (at + 4 <= held.length && at + 4 + held.readUInt32BE(at) <= held.length) {
    const end = at + 4 + held.readUInt32BE(at);
    const content = answer(held.subarray(at + 4, end));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(content.length);
    answers.push(length, content);
    at = end;
  }
  held = held.subarray(at);
  if (answers.length > 0 && !process.stdout.write(Buffer.concat(answers))) {
    await new Promise((resolve) => process.stdout.once("drain", resolve));
  }
}
