// A table of any number of rows, of which only those in sight are in the document.
import { make } from "./dom.js";

const rowHeight = 32; // CSS pixels, as page.css has it
const around = 20; // rows that are ready above and below

// Table shows rows in columns: { title, of(row), class }, where of returns text or a node. open is
// called with the row that was chosen, by a click or by Enter.
export class Table {
  constructor({ caption, columns, key, open, empty }) {
    Object.assign(this, { columns, key, openRow: open, emptyText: empty });
    this.rows = [];
    this.at = 0; // the row that keys are for
    this.body = make("tbody", {});
    this.table = make("table", { "aria-label": caption },
      make("thead", {}, make("tr", {}, ...columns.map(c => make("th", { scope: "col", class: c.class }, c.title)))), this.body);
    this.none = make("p", { class: "empty", hidden: true }, empty);
    this.list = make("div", { class: "list", tabindex: "0", role: "region", "aria-label": caption, scroll: () => this.schedule(), keydown: e => this.keys(e) }, this.table);
    this.element = make("div", {}, this.list, this.none);
    new ResizeObserver(() => this.schedule()).observe(this.list);
  }

  show(rows) {
    const held = this.rows[this.at] && this.key(this.rows[this.at]);
    this.rows = rows;
    const again = held === undefined ? -1 : rows.findIndex(r => this.key(r) === held);
    if (again >= 0) this.at = again;
    this.list.hidden = rows.length === 0;
    this.none.hidden = rows.length > 0;
    this.table.setAttribute("aria-rowcount", rows.length + 1);
    this.schedule();
  }

  schedule() {
    if (this.due) return;
    this.due = requestAnimationFrame(() => {
      this.due = 0;
      this.render();
    });
  }

  render() {
    const top = Math.floor(this.list.scrollTop / rowHeight);
    const sight = Math.ceil((this.list.clientHeight || 600) / rowHeight);
    const from = Math.max(0, top - around), to = Math.min(this.rows.length, top + sight + around);
    if (this.body.querySelector(".sure")) return; // a button waits for its second click
    const focused = document.activeElement?.dataset?.row;
    const inside = [this.spacer(from), ...this.rows.slice(from, to).map((r, i) => this.row(r, from + i)), this.spacer(this.rows.length - to)];
    this.body.replaceChildren(...inside.filter(Boolean));
    if (focused !== undefined) this.body.querySelector(`[data-row="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  spacer(rows) {
    if (rows <= 0) return null;
    const cell = make("td", { colspan: this.columns.length });
    cell.style.height = `${rows * rowHeight}px`;
    return make("tr", { class: "spacer", "aria-hidden": "true" }, cell);
  }

  row(row, index) {
    const cells = this.columns.map(c => {
      const content = c.of(row);
      return make("td", { class: [c.class, c.tone?.(row)].filter(Boolean).join(" ") || undefined, title: typeof content === "string" ? content : undefined }, content ?? "");
    });
    const opens = this.openRow && { class: "opens", tabindex: index === this.at ? "0" : "-1", "data-row": this.key(row), click: () => this.choose(index) };
    return make("tr", { "aria-rowindex": index + 2, ...opens }, ...cells);
  }

  choose(index) {
    this.at = index;
    this.openRow?.(this.rows[index]);
  }

  keys(e) {
    if (e.target.closest("button, a, input") || this.rows.length === 0) return;
    const page = Math.max(1, Math.floor(this.list.clientHeight / rowHeight) - 2);
    const to = { ArrowDown: this.at + 1, ArrowUp: this.at - 1, PageDown: this.at + page, PageUp: this.at - page, Home: 0, End: this.rows.length - 1 }[e.key];
    if (e.key === "Enter" && this.openRow) {
      e.preventDefault();
      this.choose(this.at);
    } else if (to !== undefined && this.openRow) {
      e.preventDefault();
      this.at = Math.min(this.rows.length - 1, Math.max(0, to));
      const y = this.at * rowHeight, head = rowHeight;
      if (y < this.list.scrollTop) this.list.scrollTop = y;
      if (y + 2 * head > this.list.scrollTop + this.list.clientHeight) this.list.scrollTop = y + 2 * head - this.list.clientHeight;
      this.render();
      this.body.querySelector(`[data-row="${CSS.escape(this.key(this.rows[this.at]))}"]`)?.focus({ preventScroll: true });
    }
  }
}
