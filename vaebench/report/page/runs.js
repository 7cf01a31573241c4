// The runs that the page holds: their figures by column, and which are shown, marked and pinned.

const MARKED = "marked", PINNED = "pinned", SHOWN = "shown", HOVERED = "hovered", AXES = "axes";
const CONDITION = /^([a-z]\w*)(<=|>=|<|>|=)(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/i;

class Runs {
  constructor(about) {
    Object.assign(this, about);
    this.count = about.key.length;
    this.setting = about.settings.length ? 0 : -1;
    this.hidden = new Set();
    this.words = "";
    this.marked = null;
    this.pinned = [];
    this.hovered = -1;
    this.listeners = [];
    this.measure = Object.fromEntries(about.measures.map(each => [each.name, each]));
    this.choose();
  }

  on(listener) { this.listeners.push(listener); }

  tell(...what) { for (const listener of this.listeners) listener(new Set(what)); }

  /** The value of a column in a row; NaN where it has none. */
  value(name, row) {
    const column = this.values[name] || { seed: this.seed, strength: this.strength, fold: this.fold }[name];
    const value = column ? column[row] : null;
    return value === null || value === undefined ? NaN : value;
  }

  written(name, value) {
    if (!Number.isFinite(value)) return "–";
    return value.toFixed(this.measure[name].digits).replace("-", "−");
  }

  titled(name) {
    const { title, unit } = this.measure[name];
    return unit ? `${title} (${unit})` : title;
  }

  cell(row) {
    const series = this.series[this.of[row]], strength = this.strength[row];
    return strength === null ? series.name : `${series.name}, ${series.symbol} = ${strength}`;
  }

  label(row) {
    const fold = this.fold ? `, fold ${this.fold[row]}` : "";
    return `${this.cell(row)}, seed ${this.seed[row]}${fold}`;
  }

  /** The rows of the setting at hand that no filter hides. */
  choose() {
    const tests = this.words.toLowerCase().replace(/\s*(<=|>=|<|>|=)\s*/g, "$1").split(/\s+/).filter(Boolean).map(word => this.test(word));
    this.rows = [];
    for (let row = 0; row < this.count; row++) {
      if (this.at[row] !== this.setting || this.hidden.has(this.of[row])) continue;
      if (tests.every(test => test(row))) this.rows.push(row);
    }
    if (this.marked) this.marked = new Set(this.rows.filter(row => this.marked.has(row)));
    if (this.marked?.size === 0) this.marked = null;
  }

  test(word) {
    const [, name, sign, number] = word.match(CONDITION) || [];
    if (name && (this.values[name] || ["seed", "strength", "fold"].includes(name))) {
      const limit = Number(number);
      const holds = { "<": v => v < limit, ">": v => v > limit, "<=": v => v <= limit, ">=": v => v >= limit, "=": v => v === limit }[sign];
      return row => holds(this.value(name, row));
    }
    return row => `${this.label(row)} ${this.series[this.of[row]].model} ${this.key[row]}`.toLowerCase().replace(/\s*=\s*/g, "=").includes(word);
  }

  filter(words) { this.words = words; this.choose(); this.tell(SHOWN, MARKED); }

  turnTo(setting) {
    this.setting = setting;
    this.hidden.clear();
    this.marked = null;
    this.hovered = -1;
    this.choose();
    this.tell(SHOWN, MARKED, AXES);
  }

  toggle(series) {
    if (!this.hidden.delete(series)) this.hidden.add(series);
    this.choose();
    this.tell(SHOWN, MARKED);
  }

  mark(rows) {
    this.marked = rows && rows.length ? new Set(rows) : null;
    this.tell(MARKED);
  }

  pin(row) {
    const place = this.pinned.indexOf(row);
    if (place >= 0) this.pinned.splice(place, 1);
    else this.pinned.push(row);
    this.tell(PINNED);
  }

  hover(row) {
    if (row === this.hovered) return;
    this.hovered = row;
    this.tell(HOVERED);
  }

  /** Series of the setting at hand, in order. */
  seriesHere() {
    const found = new Set();
    for (let row = 0; row < this.count; row++) if (this.at[row] === this.setting) found.add(this.of[row]);
    return [...found].sort((a, b) => a - b);
  }

  /** Figures that a run of the setting at hand has. */
  measuresHere() {
    return this.measures.filter(({ name }) => this.values[name].some((value, row) => value !== null && this.at[row] === this.setting));
  }

  /** A model's colour: on dark paper turned as the figures' colours are. */
  colour(series) {
    const parts = [1, 3, 5].map(at => parseInt(this.series[series].colour.slice(at, at + 2), 16) / 255);
    if (!isDark()) return this.series[series].colour;
    const mean = (parts[0] + parts[1] + parts[2]) / 3;
    return `rgb(${parts.map(part => Math.round(255 * Math.min(1, Math.max(0, .09 + .82 * (part + 1 - 2 * mean))))).join(" ")})`;
  }
}
