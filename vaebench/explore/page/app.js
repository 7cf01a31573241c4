// The page: puts the parts together and draws the state.

let decode; // (code, label) => brightness in [0, 1], [H, W, C]

function start(bytes) {
  decode = makeDecoder(about, bytes);
  const pixels = about.channels * about.height * about.width;
  const images = examples.map((_, place) =>
    new Uint8Array(bytes, about.images + place * pixels, pixels));
  const find = (id) => document.getElementById(id);
  const picture = size(find("picture"));
  const original = size(find("original-picture"));
  const live = find("live");
  let said = 0;
  let waiting = false;

  /** Says something to those who listen. */
  function say(text) {
    live.textContent = text;
  }

  /** Shows the state, soon, and notes the change as a step of its kind. */
  function changed(kind) {
    painter.touched = performance.now();
    trail.note(kind);
    show();
  }

  function show() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(draw);
  }

  function draw() {
    waiting = false;
    const code = shownCode();
    paint(picture, decode(code, state.label), 255);
    for (const redraw of parts) redraw(code);
    painter.refresh();
    clearTimeout(said);
    said = setTimeout(() => describe(code), 500);
  }

  /** Describes the picture in words: by the real image whose code is nearest. */
  function describe(code) {
    const label = about.labels.length ? `, label ${about.labels[state.label]}` : "";
    picture.setAttribute("aria-label",
      `Decoded picture${label}; the nearest code is that of ${exampleSaid(nearest(code))}`);
  }

  function chooseImage(place) {
    const end = ends.take(place);
    if (end) {
      Object.assign(state, { step: end === "from" ? 0 : 1 });
      setWalk(state.step);
      changed("end");
      say(`The walk goes from ${exampleSaid(state.from)} to ${exampleSaid(state.to)}.`);
      return;
    }
    Object.assign(state, {
      code: [...examples[place].code], image: place, from: place, step: 0, amount: 0,
      label: about.labels.length ? examples[place].label : 0,
    });
    changed("image");
    say(`Decoded from the code of ${exampleSaid(place)}.`);
  }

  function setWalk(step) {
    Object.assign(state, { step, code: between(step), label: labelBetween(step) });
  }

  const gallery = makeGallery(images, chooseImage);
  const ends = makeEnds(images, say);
  const parts = [gallery, ends.draw, makePlane(changed), drawOriginal, drawBack];
  parts.push(...makeLatents(changed));
  parts.push(makeWalk());
  if (about.labels.length) parts.push(makeLabels(changed));
  if (attributes.length) parts.push(makeAmount(changed));

  function makeWalk() {
    const set = filmstrip({
      host: find("walk"), name: "Walk, from 0 to 1", low: 0, high: 1,
      key: () => [state.from, state.to].join(),
      view: (step) => ({ code: between(step), label: labelBetween(step) }),
      input(step) {
        setWalk(step);
        changed("walk");
      },
    });
    return () => set(state.step);
  }

  function drawOriginal() {
    find("original").hidden = state.image < 0;
    if (state.image < 0) return;
    paint(original, images[state.image], 1);
    find("original-name").textContent = `From ${exampleName(state.image)}`;
    find("original-text").textContent = examples[state.image].text;
  }

  function drawBack() {
    find("back").disabled = trail.depth === 0;
  }

  find("back").addEventListener("click", () => history.back());
  find("draw").addEventListener("click", () => {
    Object.assign(state, { code: randomCode(), image: -1, amount: 0 });
    changed(`draw ${trail.depth}`);
    say(`A random code from ${about.prior.text}, nearest to ${exampleSaid(nearest(state.code))}.`);
  });
  find("link").addEventListener("click", async () => {
    trail.write();
    try {
      await navigator.clipboard.writeText(location.href);
      say("The address of this view was copied.");
      flash(find("link"));
    } catch {
      say("The browser does not let the page copy: the address bar has this view’s address.");
    }
  });
  window.addEventListener("popstate", (event) => {
    const { found } = fromHash(location.hash);
    trail.arrive(event.state ? event.state.depth : trail.depth + 1);
    if (!event.state) history.replaceState({ depth: trail.depth }, "");
    Object.assign(state, found);
    painter.touched = performance.now();
    show();
    say("Another view.");
  });

  document.documentElement.style.setProperty("--tiles", TILES);
  const { found, fits } = fromHash(location.hash);
  Object.assign(state, found);
  trail.arrive(history.state ? history.state.depth : 0);
  history.replaceState({ depth: trail.depth }, "");
  if (!fits) notice("The address has a view that does not fit this model: it was left out.");
  find("main").hidden = false;
  draw();
  window.explorer = { about, state, painter, code: shownCode, randomCode,
    decode: (code, label = 0) => Float32Array.from(decode(code, label)) };
}

/** Makes a slider for each latent; those that no image moves are folded away. */
function makeLatents(changed) {
  const host = document.getElementById("latents");
  const folded = document.getElementById("inactive");
  const asleep = latents.filter((latent) => !latent.active).length;
  folded.hidden = asleep === 0;
  folded.open = asleep === latents.length;
  const count = asleep === 1 ? "1 latent" : `${asleep} latents`;
  folded.querySelector("summary").textContent = `${count} not in use (variance of mu below 0.01)`;
  folded.addEventListener("toggle", () => painter.wait());
  return latents.map((latent) => {
    const { latent: d, knows, kl } = latent;
    const facts = [kl === null ? `variance ${latent.variance.toFixed(2)}` : `KL ${kl.toFixed(2)}`];
    const known = knows && knows.share >= 0.01
      ? `${knows.target} ${Math.round(100 * knows.share)}\u202f%` : "";
    const value = element("output");
    const head = element("p", { class: "head" }, element("b", {}, latentName(latent)),
      element("span", { class: "knows", title: known && `Knows most about ${knows.target}: ` +
        `${knows.nats.toFixed(2)} nats of mutual information, ${known.split(" ").at(-1)} of its entropy` },
      known), element("span", { title: "Mean over held-out images; KL from the prior in nats" }, facts[0]), value);
    const row = element("div", { class: "latent" }, head);
    (latent.active ? host : folded.querySelector("div")).append(row);
    const set = filmstrip({
      host: row,
      name: `${latentName(latent)}, ${facts[0]}${known ? `, knows most about ${known}` : ""}`,
      low: latent.low, high: latent.high,
      key: () => [state.label, ...shownCode().map((v, place) => (place === d ? 0 : v))].join(),
      view: (v) => ({ code: shownCode().map((old, place) => (place === d ? v : old)), label: state.label }),
      input(v) {
        setLatent(d, v);
        changed(`latent ${d}`);
      },
    });
    return (code) => {
      set(code[d]);
      value.textContent = code[d].toFixed(2).replace("-", "\u2212");
    };
  });
}

/** Makes the choice of a conditional model's label, each with the picture of the same code. */
function makeLabels(changed) {
  const host = document.getElementById("labels");
  const inputs = about.labels.map((name, label) => {
    const input = element("input", { type: "radio", name: "label", value: label });
    const canvas = size(element("canvas", { "aria-hidden": "true" }));
    host.append(element("label", { class: "chip" }, input, canvas, element("span", {}, name)));
    input.addEventListener("change", () => {
      state.label = label;
      changed("label");
    });
    painter.add({
      canvas, tiles: 1, key: () => shownCode().join(),
      paint: () => paint(canvas, decode(shownCode(), label), 255),
    });
    return input;
  });
  return () => { inputs[state.label].checked = true; };
}

/** Makes the choice of an attribute and the slider that adds it. */
function makeAmount(changed) {
  const select = document.getElementById("attribute");
  const groups = new Map();
  attributes.forEach((attribute, place) => {
    const { group, name } = attribute;
    if (!groups.has(group)) groups.set(group, element("optgroup", { label: group }));
    groups.get(group).append(element("option", { value: place }, name));
  });
  for (const group of groups.values()) {
    const alone = groups.size > 12 && group.children.length === 1;
    select.append(alone ? group.firstChild : group);
  }
  select.addEventListener("change", () => {
    Object.assign(state, { code: shownCode(), attribute: Number(select.value), amount: 0 });
    changed("attribute");
  });
  const set = filmstrip({
    host: document.getElementById("amount"), name: "Amount of the attribute, −2 to 2",
    low: -ATTRIBUTE_REACH, high: ATTRIBUTE_REACH,
    key: () => [state.attribute, state.label, ...state.code].join(),
    view: (amount) => ({ code: withAttribute(state.code, amount), label: state.label }),
    input(amount) {
      state.amount = amount;
      changed("amount");
    },
  });
  return () => {
    select.value = state.attribute;
    set(state.amount);
  };
}

function flash(button) {
  button.classList.add("done");
  setTimeout(() => button.classList.remove("done"), 1200);
}

function notice(text) {
  const place = document.getElementById("notice");
  place.textContent = text;
  place.hidden = false;
}

if (typeof DecompressionStream === "undefined") {
  notice("This browser is too old for the page: it has no DecompressionStream.");
} else {
  unpack().then(start).catch((error) => {
    notice(`The page is damaged and cannot be shown (${error.message}). Make it anew.`);
    throw error;
  });
}
