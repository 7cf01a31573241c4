// What is shown: one small state, its address, and the way back.

const MERGE_MS = 400;

/**
 * The state. The picture is decoded from `code` + `amount` times the attribute's vector, under
 * `label`; the rest is what the controls stand at.
 */
const state = {
  code: [],
  label: 0,
  image: 0, // the real image begun with, or -1
  across: 0, // latents of the plane
  up: 0,
  from: 0, // ends of the walk
  to: 0,
  step: 0, // how far the walk is, 0 to 1
  attribute: 0,
  amount: 0,
};

function firstState() {
  const [across, up] = [latents[0], latents[Math.min(1, latents.length - 1)]];
  const first = Math.floor(examples.length / 3);
  const other = examples.length - 1;
  return {
    code: [...examples[first].code], label: about.labels.length ? examples[first].label : 0,
    image: first, across: across.latent, up: up.latent,
    from: first, to: other, step: 0, attribute: 0, amount: 0,
  };
}

/** The code that is decoded, after the attribute. */
function shownCode() {
  return withAttribute(state.code, state.amount);
}

function withAttribute(code, amount) {
  if (!attributes.length || !amount) return code;
  const { vector } = attributes[state.attribute];
  return code.map((value, d) => value + amount * vector[d]);
}

/** Sets one latent of what is shown. */
function setLatent(latent, value) {
  const shift = attributes.length ? state.amount * attributes[state.attribute].vector[latent] : 0;
  state.code = state.code.map((old, d) => (d === latent ? value - shift : old));
}

function between(share) {
  const [from, to] = [examples[state.from].code, examples[state.to].code];
  return from.map((value, d) => value + share * (to[d] - value));
}

/** The label of a walk: that of the nearer end. */
function labelBetween(share) {
  return about.labels.length ? examples[share < 0.5 ? state.from : state.to].label : 0;
}

function toHash() {
  const short = (value) => String(Number(value.toFixed(3)));
  const parts = [["z", state.code.map(short).join(",")]];
  if (about.labels.length) parts.push(["label", state.label]);
  if (state.image >= 0) parts.push(["image", state.image + 1]);
  parts.push(["plane", `${state.across},${state.up}`]);
  parts.push(["walk", `${state.from + 1},${state.to + 1},${short(state.step)}`]);
  if (attributes.length) parts.push(["add", `${state.attribute + 1},${short(state.amount)}`]);
  return `#${parts.map((part) => part.join("=")).join("&")}`;
}

/** Reads a state from an address; what does not fit this model stays as in a first visit. */
function fromHash(hash) {
  const found = firstState();
  const numbers = Object.fromEntries(hash.replace(/^#/, "").split("&").map((part) => {
    const [name, text = ""] = part.split("=");
    return [name, text.split(",").map((word) => (word.trim() ? Number(word) : NaN))];
  }));
  const whole = (value, count) => Number.isInteger(value) && value >= 0 && value < count;
  const { z, label, image, plane, walk, add } = numbers;
  let fits = hash.length < 2 || z !== undefined;
  if (z) {
    const usable = z.length === latents.length && z.every((v) => Number.isFinite(v) && Math.abs(v) < 1e4);
    if (usable) Object.assign(found, { code: z, image: -1 });
    fits = usable;
  }
  if (label && whole(label[0], about.labels.length)) [found.label] = label;
  if (image && whole(image[0] - 1, examples.length)) found.image = image[0] - 1;
  if (plane && plane.every((d) => whole(d, latents.length))) {
    [found.across, found.up = found.across] = plane;
  }
  if (walk && [walk[0], walk[1]].every((end) => whole(end - 1, examples.length))) {
    const step = walk[2] >= 0 && walk[2] <= 1 ? walk[2] : 0;
    Object.assign(found, { from: walk[0] - 1, to: walk[1] - 1, step });
  }
  if (add && whole(add[0] - 1, attributes.length) && Math.abs(add[1]) <= ATTRIBUTE_REACH) {
    Object.assign(found, { attribute: add[0] - 1, amount: add[1] });
  }
  return { found, fits };
}

/** Keeps the address and the browser's history at the state; a drag or a held key is one step. */
const trail = {
  depth: 0,
  last: -Infinity,
  kind: "",
  pending: null,
  timer: 0,

  /** Notes a change of a kind. Browsers limit how often the address may change, so it waits. */
  note(kind) {
    const now = performance.now();
    const same = kind === this.kind && now - this.last < MERGE_MS;
    this.last = now;
    this.kind = kind;
    if (same) {
      this.pending = toHash();
      if (!this.timer) this.timer = setTimeout(() => this.write(), MERGE_MS / 2);
      return;
    }
    this.write();
    this.depth += 1;
    history.pushState({ depth: this.depth }, "", toHash());
  },

  /** Writes what is pending over the present step. */
  write() {
    clearTimeout(this.timer);
    this.timer = 0;
    if (this.pending) history.replaceState({ depth: this.depth }, "", this.pending);
    this.pending = null;
  },

  /** Takes over a step that the browser went to. */
  arrive(depth) {
    clearTimeout(this.timer);
    Object.assign(this, { timer: 0, pending: null, kind: "", depth });
  },
};
