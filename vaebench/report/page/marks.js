// Markers of models, as the figures have them, and ticks of axes.

function polygon(path, corners, size, turn = -Math.PI / 2, inner = 1) {
  const points = inner === 1 ? corners : 2 * corners;
  for (let n = 0; n < points; n++) {
    const angle = turn + 2 * Math.PI * n / points, far = size * (n % 2 && inner !== 1 ? inner : 1);
    path[n ? "lineTo" : "moveTo"](far * Math.cos(angle), far * Math.sin(angle));
  }
  path.closePath();
}

function strokes(path, size, turn) { // a plus, or turned an x, of some width
  const w = size * .38, ring = [[-w, -size], [w, -size], [w, -w], [size, -w], [size, w], [w, w], [w, size], [-w, size], [-w, w], [-size, w], [-size, -w], [-w, -w]];
  ring.forEach(([x, y], n) => path[n ? "lineTo" : "moveTo"](x * Math.cos(turn) - y * Math.sin(turn), x * Math.sin(turn) + y * Math.cos(turn)));
  path.closePath();
}

const SHAPES = {
  o: (path, r) => path.arc(0, 0, .9 * r, 0, 7),
  s: (path, r) => path.rect(-.8 * r, -.8 * r, 1.6 * r, 1.6 * r),
  "^": (path, r) => polygon(path, 3, 1.15 * r),
  v: (path, r) => polygon(path, 3, 1.15 * r, Math.PI / 2),
  "<": (path, r) => polygon(path, 3, 1.15 * r, Math.PI),
  ">": (path, r) => polygon(path, 3, 1.15 * r, 0),
  D: (path, r) => polygon(path, 4, 1.1 * r),
  d: (path, r) => { polygon(path, 4, 1.1 * r); },
  p: (path, r) => polygon(path, 5, 1.05 * r),
  "*": (path, r) => polygon(path, 5, 1.25 * r, -Math.PI / 2, .45),
  X: (path, r) => strokes(path, r, Math.PI / 4),
  P: (path, r) => strokes(path, r, 0),
  h: (path, r) => polygon(path, 6, r),
  H: (path, r) => polygon(path, 6, r, 0),
  8: (path, r) => polygon(path, 8, r, Math.PI / 8),
};

const shapes = new Map();

function shape(marker, size) {
  const known = `${marker} ${size}`;
  if (!shapes.has(known)) {
    const path = new Path2D();
    (SHAPES[marker] || SHAPES.o)(path, size);
    shapes.set(known, path);
  }
  return shapes.get(known);
}

/** Round numbers between two ends, at most so many and a few. */
function ticks(low, high, most) {
  const rough = (high - low) / Math.max(1, most), power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(size => size * power).find(size => size >= rough * .999);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n++)
    found.push({ at: n * step, text: (n * step).toFixed(digits).replace(/^-(?=[\d.]*[1-9])/, "−").replace(/^-/, "") });
  return found;
}

/** Ends of an axis around some values, with room on both sides. */
function ends(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) if (Number.isFinite(value)) { low = Math.min(low, value); high = Math.max(high, value); }
  if (low > high) return [0, 1];
  const room = .05 * (high - low) || .05 * Math.abs(high) || 1;
  return [low - room, high + room];
}

/** Spreads things over -1..1 without chance. */
const jitter = n => 2 * ((n * .6180339887498949 + .5) % 1) - 1;
