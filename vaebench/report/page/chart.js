// One chart of runs: marks on a canvas that can be hovered, clicked, brushed and walked by keys.

const LARGEST = 4.5, SMALLEST = 2.6, MANY = 400, NEAR = 16, TALL = 300, FONT = "12px system-ui, sans-serif";

class Chart {
  /** `axes()` says what is drawn: { x, y }, each with `of(row)`, `label`, and `ticks` and `groups` where it counts. */
  constructor(runs, name, axes) {
    Object.assign(this, { runs, name, axes, points: [], brush: null });
    this.canvas = document.createElement("canvas");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    for (const kind of ["pointerdown", "pointermove", "pointerup", "pointercancel", "pointerleave", "keydown", "blur"])
      this.canvas.addEventListener(kind, event => this[kind](event));
    runs.on(() => this.later());
    onTheme.push(() => this.later());
    new ResizeObserver(() => this.later()).observe(this.canvas);
  }

  later() {
    this.waiting ||= requestAnimationFrame(() => { this.waiting = 0; this.draw(); });
  }

  /** Places all marks; what has no value on an axis has no mark. */
  lay() {
    const { x, y } = this.what = this.axes(), { rows } = this.runs;
    const width = this.canvas.clientWidth;
    this.canvas.setAttribute("aria-label", `${y.label} against ${x.label}, a mark for each of ${rows.length} runs. Left and right arrow move from run to run, Enter pins one.`);
    const here = []; // axes stay as they are when rows are filtered, and collapsed runs do not stretch them
    for (let row = 0; row < this.runs.count; row++) if (this.runs.at[row] === this.runs.setting) here.push(row);
    const sound = here.filter(row => !this.runs.collapsed[row] && Number.isFinite(x.of(row) + y.of(row))), all = sound.length ? sound : here;
    const [left, right] = x.ends || ends(all.map(x.of)), [low, high] = y.ends || ends(all.map(y.of));
    const pen = this.canvas.getContext("2d");
    pen.font = FONT;
    this.ticksY = ticks(low, high, 6);
    const widest = Math.max(...this.ticksY.map(({ text }) => pen.measureText(text).width));
    this.box = { left: widest + 26, right: width - 8, top: 10, bottom: TALL - (x.groups ? 52 : 40) };
    const { box } = this;
    this.toX = value => box.left + (value - left) / (right - left) * (box.right - box.left);
    this.toY = value => box.bottom - (value - low) / (high - low) * (box.bottom - box.top);
    this.ticksX = x.ticks || ticks(left, right, width / 80);
    const kept = (value, from, to) => Math.min(Math.max(value, from), to);
    this.points = rows.map(row => ({ row, x: kept(this.toX(x.of(row)), box.left, box.right), y: kept(this.toY(y.of(row)), box.top, box.bottom) }))
      .filter(point => Number.isFinite(point.x) && Number.isFinite(point.y));
  }

  draw() {
    const sharp = devicePixelRatio || 1, width = this.canvas.clientWidth;
    if (!width) return;
    this.lay();
    this.canvas.width = Math.round(width * sharp);
    this.canvas.height = Math.round(TALL * sharp);
    const pen = this.canvas.getContext("2d"), { runs, box } = this;
    pen.scale(sharp, sharp);
    this.frame(pen);
    const size = Math.max(SMALLEST, LARGEST * Math.min(1, Math.sqrt(MANY / this.points.length)));
    const { marked } = runs, shown = point => !marked || marked.has(point.row);
    for (const on of [false, true]) {
      pen.globalAlpha = on ? .8 : .13;
      for (const point of this.points) if (shown(point) === on) this.stamp(pen, point, size);
    }
    pen.globalAlpha = 1;
    for (const point of this.points) {
      if (runs.pinned.includes(point.row)) this.ring(pen, point, 9, 2);
      if (point.row === runs.hovered) { this.stamp(pen, point, 1.5 * LARGEST); this.ring(pen, point, 12, 1.5); }
    }
    if (this.brush) {
      const { from, to } = this.brush;
      pen.strokeStyle = this.css("--link");
      pen.fillStyle = this.css("--shade");
      pen.fillRect(from.x, from.y, to.x - from.x, to.y - from.y);
      pen.strokeRect(from.x, from.y, to.x - from.x, to.y - from.y);
    }
  }

  css(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

  frame(pen) {
    const { box, what } = this;
    pen.font = FONT;
    pen.strokeStyle = this.css("--grid");
    pen.fillStyle = this.css("--muted");
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    pen.beginPath();
    for (const { at, text } of this.ticksY) {
      const y = Math.round(this.toY(at)) + .5;
      pen.moveTo(box.left, y);
      pen.lineTo(box.right, y);
      pen.fillText(text, box.left - 6, y);
    }
    pen.textAlign = "center";
    pen.textBaseline = "top";
    let free = -Infinity;
    for (const { at, text } of this.ticksX) {
      const x = Math.round(this.toX(at)) + .5, half = pen.measureText(text).width / 2;
      if (!what.x.groups) { pen.moveTo(x, box.top); pen.lineTo(x, box.bottom); }
      if (x - half < free) continue;
      pen.fillText(text, x, box.bottom + 5);
      free = x + half + 4;
    }
    pen.stroke();
    for (const { from, to, text } of what.x.groups || []) {
      const [left, right] = [this.toX(from), this.toX(to)];
      pen.beginPath();
      pen.moveTo(left, box.bottom + 20.5);
      pen.lineTo(right, box.bottom + 20.5);
      pen.stroke();
      let short = text;
      while (short.length > 1 && pen.measureText(short).width > right - left + 6) short = `${short.slice(0, -2)}…`;
      pen.fillText(short, (left + right) / 2, box.bottom + 23);
    }
    pen.fillStyle = this.css("--ink");
    pen.fillText(what.x.label, (box.left + box.right) / 2, TALL - 14);
    pen.save();
    pen.translate(2, (box.top + box.bottom) / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText(what.y.label, 0, 0);
    pen.restore();
  }

  stamp(pen, { row, x, y }, size) {
    const series = this.runs.of[row], path = shape(this.runs.series[series].marker, size);
    pen.save();
    pen.translate(x, y);
    pen.fillStyle = pen.strokeStyle = this.runs.colour(series);
    if (this.runs.collapsed[row]) { pen.lineWidth = 1.4; pen.stroke(path); } else pen.fill(path);
    pen.restore();
  }

  ring(pen, { x, y }, radius, width) {
    pen.beginPath();
    pen.arc(x, y, radius, 0, 7);
    pen.lineWidth = width;
    pen.strokeStyle = this.css("--ink");
    pen.stroke();
  }

  under(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /** The run whose mark is nearest to a place, or -1 where none is near. */
  nearest({ x, y }) {
    let best = -1, least = NEAR * NEAR;
    for (const point of this.points) {
      if (this.runs.marked && !this.runs.marked.has(point.row)) continue;
      const apart = (point.x - x) ** 2 + (point.y - y) ** 2;
      if (apart < least) [best, least] = [point.row, apart];
    }
    return best;
  }

  /** Where a run's mark is in the window. */
  place(row) {
    const box = this.canvas.getBoundingClientRect(), point = this.points.find(each => each.row === row);
    return point ? { x: box.left + point.x, y: box.top + point.y } : null;
  }

  pointerdown(event) {
    if (event.button) return;
    this.start = this.under(event);
    this.canvas.setPointerCapture(event.pointerId);
  }

  pointermove(event) {
    const at = this.under(event);
    if (this.start && Math.hypot(at.x - this.start.x, at.y - this.start.y) > 5) {
      this.brush = { from: this.start, to: at };
      this.runs.hover(-1);
      this.runs.mark(this.inside());
      this.later();
    } else if (!this.start) {
      const row = this.nearest(at);
      this.canvas.style.cursor = row < 0 ? "crosshair" : "pointer";
      this.runs.hover(row);
    }
  }

  inside() {
    const { from, to } = this.brush;
    const between = (value, a, b) => value >= Math.min(a, b) && value <= Math.max(a, b);
    return this.points.filter(({ x, y }) => between(x, from.x, to.x) && between(y, from.y, to.y)).map(({ row }) => row);
  }

  pointerup(event) {
    if (!this.start) return;
    this.start = null;
    if (this.brush) { this.brush = null; this.later(); return; }
    const row = this.nearest(this.under(event));
    if (row >= 0) this.runs.pin(row);
    else this.runs.mark(null);
  }

  pointercancel() { this.start = this.brush = null; this.later(); }

  pointerleave() { if (!this.start) this.runs.hover(-1); }

  blur() { this.runs.hover(-1); }

  keydown(event) {
    const { runs } = this, step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) {
      const order = this.points.filter(({ row }) => !runs.marked || runs.marked.has(row)).toSorted((a, b) => a.x - b.x || a.y - b.y);
      const place = order.findIndex(({ row }) => row === runs.hovered);
      if (order.length) runs.hover(order[place < 0 ? (step > 0 ? 0 : order.length - 1) : (place + step + order.length) % order.length].row);
    } else if ((event.key === "Enter" || event.key === " ") && runs.hovered >= 0) runs.pin(runs.hovered);
    else if (event.key === "Escape") runs.mark(null);
    else return;
    event.preventDefault();
  }
}
