// The document: rows are drawn once a frame, the oldest leave, and text is only ever set as text.

const MAX_ROWS = 2000;
const NEAR_END_PX = 40;

export class View {
  /** @param {Document} document */
  constructor(document) {
    this.document = document;
    this.log = this.element("log");
    this.newer = this.element("newer");
    this.tenants = /** @type {HTMLSelectElement} */ (this.element("tenants"));
    /** @type {(import("./decode.js").Row | string)[]} */
    this.waiting = [];
    this.unseen = 0;
    this.paused = false;
    this.following = true;
    this.scheduled = false;
    this.log.addEventListener("scroll", () => this.scrolled());
    this.newer.addEventListener("click", () => this.toEnd());
  }

  /** @param {string} id @returns {HTMLElement} */
  element(id) {
    return /** @type {HTMLElement} */ (this.document.getElementById(id));
  }

  /** @param {(import("./decode.js").Row | string)[]} rows */
  add(rows) {
    this.waiting.push(...rows);
    if (this.waiting.length > MAX_ROWS) this.waiting.splice(0, this.waiting.length - MAX_ROWS);
    this.draw();
  }

  draw() {
    if (this.scheduled || this.paused) return;
    this.scheduled = true;
    // A hidden tab has no frames, and its rows wait until it is looked at.
    requestAnimationFrame(() => {
      this.scheduled = false;
      if (!this.paused) this.flush();
    });
  }

  flush() {
    const fragment = this.document.createDocumentFragment();
    for (const row of this.waiting) fragment.append(typeof row === "string" ? this.gap(row) : this.row(row));
    const added = this.waiting.length;
    this.waiting = [];
    this.log.append(fragment);
    const surplus = this.log.childElementCount - MAX_ROWS;
    for (let index = 0; index < surplus; index += 1) this.log.firstElementChild?.remove();
    if (this.following) this.toEnd();
    else this.showUnseen(this.unseen + added);
  }

  clear() {
    this.waiting = [];
    this.log.replaceChildren();
    this.showUnseen(0);
  }

  scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.log;
    this.following = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    if (this.following) this.showUnseen(0);
  }

  toEnd() {
    this.following = true;
    this.log.scrollTop = this.log.scrollHeight;
    this.showUnseen(0);
  }

  /** @param {number} count */
  showUnseen(count) {
    this.unseen = count;
    this.newer.hidden = count === 0;
    this.newer.textContent = `${count} new ↓`;
  }

  /** @param {boolean} paused */
  pause(paused) {
    this.paused = paused;
    const button = this.element("pause");
    button.setAttribute("aria-pressed", String(paused));
    button.textContent = paused ? "Resume" : "Pause";
    if (!paused) this.draw();
  }

  /** The name of the tenant, or a choice where the token reads several.
   * @param {string} tenant @param {string[]} tenants */
  tenant(tenant, tenants) {
    const several = tenants.length > 1;
    this.element("tenant").textContent = several ? "" : tenant;
    this.element("tenants-label").hidden = !several;
    this.tenants.hidden = !several;
    this.tenants.replaceChildren(
      ...tenants.map((name) => {
        const option = this.document.createElement("option");
        option.textContent = name;
        return option;
      }),
    );
    this.tenants.value = tenant;
  }

  /** @param {string} state @param {string} text */
  state(state, text) {
    const element = this.element("state");
    element.dataset.state = state;
    element.textContent = text;
    this.element("entrance").hidden = state !== "idle" && state !== "refused";
  }

  /** @param {string} message @param {number} column @param {string} filter */
  filterError(message, column, filter) {
    const element = this.element("filter-error");
    element.textContent = column > 0 ? `${filter}\n${" ".repeat(column - 1)}^ ${message}` : message;
    element.hidden = message === "";
  }

  /** @param {string} tag @param {string} name @param {string} text @returns {HTMLElement} */
  make(tag, name, text) {
    const element = this.document.createElement(tag);
    element.className = name;
    element.textContent = text;
    return element;
  }

  /** @param {string} text */
  gap(text) {
    return this.make("div", "gap", text);
  }

  /** @param {import("./decode.js").Row} row */
  row(row) {
    const details = this.document.createElement("details");
    details.className = "row";
    details.dataset.offset = row.offset;
    const summary = this.document.createElement("summary");
    const level = this.make("span", "level", row.level.toUpperCase());
    level.dataset.level = row.level;
    const body = this.make("span", "body", row.body);
    if (row.stacktrace) body.append(this.make("span", "exception", row.stacktrace.split("\n", 1)[0]));
    summary.append(
      this.make("span", "time", row.time),
      level,
      this.make("span", "service", row.service),
      this.make("span", "logger", row.logger.split(".").pop() ?? ""),
      body,
    );
    details.append(summary, this.fields(row.fields));
    if (row.stacktrace) details.append(this.make("pre", "stacktrace", row.stacktrace));
    return details;
  }

  /** @param {[string, string][]} fields */
  fields(fields) {
    const list = this.make("dl", "fields", "");
    for (const [name, value] of fields) list.append(this.make("dt", "", name), this.make("dd", "", value));
    return list;
  }
}
