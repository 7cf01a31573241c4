// Strips of decoded pictures that are sliders, and the painter that fills pictures in when idle.

const TILES = window.innerWidth < 600 ? 7 : 9;
const BUDGET_MS = 10; // of a frame, for pictures beside the one that is looked at
const QUIET_MS = 120; // after a touch, in which only that one is decoded

/** Fills sheets of pictures, tile by tile, those in view first, while nobody moves anything. */
const painter = {
  sheets: [],
  touched: -Infinity,
  waiting: false,

  /**
   * Adds a sheet: `canvas`, `tiles`, `key()` that says what its pictures depend on, and
   * `paint(tile)`.
   */
  add(sheet) {
    this.sheets.push({ ...sheet, painted: "", next: 0, wanted: "" });
  },

  /** Looks for sheets whose pictures are no longer right. */
  refresh() {
    for (const sheet of this.sheets) {
      const key = sheet.key();
      if (key === sheet.wanted) continue;
      Object.assign(sheet, { wanted: key, next: 0 });
    }
    this.wait();
  },

  wait() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => this.frame());
  },

  frame() {
    this.waiting = false;
    const stale = this.sheets.filter((sheet) => sheet.next < sheet.tiles);
    if (!stale.length) return;
    this.wait();
    const start = performance.now();
    if (start - this.touched < QUIET_MS) return;
    const queue = stale.filter((sheet) => inView(sheet.canvas));
    for (const sheet of queue) {
      while (sheet.next < sheet.tiles) {
        sheet.paint(sheet.next++);
        if (performance.now() - start > BUDGET_MS) return;
      }
    }
  },

  get idle() {
    return this.sheets.every((sheet) => sheet.next >= sheet.tiles || !inView(sheet.canvas));
  },
};

function inView(element) {
  const box = element.getBoundingClientRect();
  return box.width > 0 && box.bottom > -100 && box.top < window.innerHeight + 100;
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/**
 * Makes a slider whose track is a strip of pictures and whose thumb is the picture itself.
 *
 * Options: `host`, an element; `name`, for those who listen; `low`, `high`; `key()` and
 * `view(value)`, as the code and label to decode; `input(value)`, called when it is moved.
 * Returns a function that sets it to a value, once the picture is drawn.
 */
function filmstrip({ host, name, low, high, key, view, input }) {
  const canvas = size(element("canvas", { "aria-hidden": "true" }), TILES);
  const slider = element("input", {
    type: "range", min: low, max: high, step: (high - low) / 200, "aria-label": name,
  });
  const frame = size(element("canvas", { class: "frame", "aria-hidden": "true" }));
  host.append(element("div", { class: "strip" }, canvas, frame, slider));
  painter.add({
    canvas,
    tiles: TILES,
    key,
    paint(tile) {
      const { code, label } = view(low + ((high - low) * tile) / (TILES - 1));
      paint(canvas, decode(code, label), 255, tile);
    },
  });
  slider.addEventListener("input", () => input(Number(slider.value)));
  return (value) => {
    if (document.activeElement !== slider || Math.abs(slider.value - value) > (high - low) / 200) {
      slider.value = value;
    }
    slider.setAttribute("aria-valuetext", value.toFixed(2));
    const share = Math.min(1, Math.max(0, (value - low) / (high - low)));
    frame.style.left = `${(100 * share * (TILES - 1)) / TILES}%`;
    frame.getContext("2d").drawImage(document.getElementById("picture"), 0, 0);
  };
}
