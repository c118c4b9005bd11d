// The part of the address after '#', which browsers do not send: token=… and filter=…

/** @param {string} hash @returns {{token: string, filter: string | null}} */
export function parseFragment(hash) {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  return { token: parameters.get("token") ?? "", filter: parameters.get("filter") };
}
