// The run browser: charts and a table that share what is hovered, marked, pinned and filtered.

const FEW = 40;

function element(tag, text, kind) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

/** A choice among figures of runs. */
function choice(runs, name, wanted, turned) {
  const label = element("label"), select = element("select");
  label.append(element("span", name, "unseen"), select);
  const fill = () => {
    const here = runs.measuresHere(), before = select.value || wanted;
    select.replaceChildren(...here.map(each => Object.assign(element("option", runs.titled(each.name)), { value: each.name })));
    select.value = here.some(each => each.name === before) ? before : here[0]?.name;
  };
  fill();
  select.addEventListener("change", turned);
  runs.on(what => { if (what.has(AXES)) fill(); });
  return { label, get name() { return select.value; } };
}

/** Runs in columns: a column a strength, one after the other, those of a series together. */
function columns(runs, byStrength) {
  const places = new Map(), marks = [], groups = [], counts = new Map();
  let next = 0;
  for (const series of runs.seriesHere()) {
    const strengths = new Set();
    for (let row = 0; row < runs.count; row++) if (runs.at[row] === runs.setting && runs.of[row] === series) strengths.add(byStrength ? runs.strength[row] : null);
    const from = next - (byStrength ? .4 : .5);
    for (const strength of [...strengths].sort((a, b) => a - b)) {
      places.set(`${series} ${strength}`, next);
      if (strength !== null) marks.push({ at: next, text: String(strength) });
      next += 1;
    }
    groups.push({ from, to: next - (byStrength ? .6 : .5), text: runs.series[series].name });
    next += byStrength ? .7 : .12;
  }
  const along = new Float64Array(runs.count).fill(NaN);
  for (let row = 0; row < runs.count; row++) {
    if (runs.at[row] !== runs.setting) continue;
    const at = `${runs.of[row]} ${byStrength ? runs.strength[row] : null}`, n = counts.get(at) || 0;
    counts.set(at, n + 1);
    along[row] = places.get(at) + .28 * (n ? jitter(n) : 0);
  }
  return { of: row => along[row], ticks: marks, groups, ends: [-.7, next - (byStrength ? 1 : .4)], label: byStrength ? "strength, by model" : "model" };
}

function axis(runs, name) {
  return { of: row => runs.value(name, row), label: runs.measure[name] ? runs.titled(name) : "" };
}

function startCharts(runs, host) {
  const has = name => runs.measure[name] ? name : runs.measures[0].name;
  const second = runs.measures.find(each => each.name !== runs.metric && each.name !== "udr" && each.better && each.high)?.name || has("elbo");
  const charts = [], again = () => charts.forEach(chart => chart.later());
  let strip, times;
  const relay = () => { strip = columns(runs, true); times = columns(runs, false); };
  relay();
  runs.on(what => { if (what.has(AXES)) relay(); });
  const metric = choice(runs, "Figure by strength", runs.metric, again);
  const across = choice(runs, "Figure across", runs.metric, again), up = choice(runs, "Figure up", second, again);
  const add = (name, title, axes) => {
    const chart = new Chart(runs, name, axes), figure = element("div", undefined, "chart"), head = element("div", undefined, "chart-head");
    head.append(...title);
    figure.append(head, chart.canvas);
    host.append(figure);
    charts.push(chart);
  };
  add("strength", [metric.label, " by strength"], () => ({ x: strip, y: axis(runs, metric.name) }));
  if (runs.measure.kl && runs.measure.reconstruction)
    add("rate", ["Rate and distortion"], () => ({ x: axis(runs, "kl"), y: axis(runs, "reconstruction") }));
  add("metrics", [up.label, " against ", across.label], () => ({ x: axis(runs, across.name), y: axis(runs, up.name) }));
  if (runs.measure.wall_seconds)
    add("times", ["Wall time"], () => ({ x: times, y: axis(runs, "wall_seconds") }));
  return { charts, axes: () => [metric.name, across.name, up.name] };
}

function startLegend(runs, host) {
  const fill = () => host.replaceChildren(...runs.seriesHere().map(series => {
    const button = element("button", undefined, "series"), canvas = element("canvas");
    button.type = "button";
    button.setAttribute("aria-pressed", !runs.hidden.has(series));
    canvas.width = canvas.height = 32;
    const pen = canvas.getContext("2d");
    pen.translate(16, 16);
    pen.fillStyle = runs.colour(series);
    pen.fill(shape(runs.series[series].marker, 11));
    button.append(canvas, runs.series[series].name);
    button.addEventListener("click", () => {
      runs.toggle(series);
      host.children[runs.seriesHere().indexOf(series)].focus();
    });
    return button;
  }));
  fill();
  onTheme.push(fill);
  runs.on(what => { if (what.has(SHOWN) || what.has(AXES)) fill(); });
}

function picture(runs, row) {
  const content = runs.pictures[row];
  if (!content) return null;
  const image = element("img");
  image.src = `data:image/png;base64,${content}`;
  image.alt = `Originals above reconstructions of ${runs.label(row)}`;
  return image;
}

function scores(runs, row, names) {
  const list = element("dl");
  for (const name of names) {
    const value = runs.value(name, row);
    if (Number.isFinite(value)) list.append(element("dt", runs.titled(name)), element("dd", runs.written(name, value)));
  }
  if (runs.collapsed[row]) list.append(element("dt", "No active unit"), element("dd", "collapsed"));
  return list;
}

/** What is told of the run that is hovered, beside its mark; heard by screen readers, too. */
function startTip(runs, charts, axes, live) {
  const tip = element("div", undefined, "tip");
  tip.hidden = true;
  document.body.append(tip);
  runs.on(what => {
    if (!what.has(HOVERED)) return;
    const row = runs.hovered, chart = charts.find(({ canvas }) => canvas.matches(":hover")) || charts.find(({ canvas }) => canvas === document.activeElement);
    const place = row >= 0 && chart ? chart.place(row) : null;
    tip.hidden = !place;
    if (!place) return;
    const names = [...new Set([...axes(), "reconstruction", "kl", "elbo", "wall_seconds"])].filter(name => runs.measure[name]);
    const list = scores(runs, row, names), image = picture(runs, row);
    tip.replaceChildren(element("b", runs.label(row)), list);
    if (image) tip.append(image);
    tip.style.left = tip.style.top = "0";
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(place.x + 16, innerWidth - width - 8))}px`;
    tip.style.top = `${place.y + 18 + height < innerHeight ? place.y + 18 : Math.max(4, place.y - height - 14)}px`;
    live.textContent = `${runs.label(row)}. ${[...list.children].map(each => each.textContent).join(" ")}`;
  });
}

/** The runs that were clicked, side by side, each with all its figures. */
function startPins(runs, host) {
  const fill = () => host.replaceChildren(...runs.pinned.map(row => {
    const card = element("article", undefined, "pin"), head = element("div", undefined, "pin-head"), close = element("button", "×");
    close.type = "button";
    close.setAttribute("aria-label", `Unpin ${runs.label(row)}`);
    close.addEventListener("click", () => runs.pin(row));
    head.append(element("b", runs.label(row)), close);
    const image = picture(runs, row), about = element("p", undefined, "note");
    about.append(element("code", `vaebench show ${runs.key[row].slice(0, 8)}`));
    if (runs.explore[row]) about.append(" ", explorer(runs, row));
    card.append(head);
    if (image) card.append(image);
    card.append(about, scores(runs, row, runs.measures.map(each => each.name)));
    return card;
  }));
  runs.on(what => { if (what.has(PINNED)) fill(); });
}

function explorer(runs, row) {
  const link = element("a", "explore");
  link.href = runs.explore[row];
  link.setAttribute("aria-label", `Explore ${runs.label(row)}`);
  return link;
}

/** The table of the runs that are shown, those that are marked first. */
function startTable(runs, host) {
  const table = element("table"), head = element("thead"), body = element("tbody"), more = element("button");
  let by = null, many = false;
  more.type = "button";
  more.addEventListener("click", () => { many = true; fill(); });
  table.append(head, body);
  host.append(table);
  host.after(more);

  function heads() {
    const names = runs.measuresHere().map(each => each.name), line = element("tr");
    const titles = ["Run", ...names.map(name => runs.titled(name)), "Key"];
    const keys = [row => row, ...names.map(name => row => { const v = runs.value(name, row); return Number.isFinite(v) ? v : null; }), row => runs.key[row]];
    line.append(...titles.map((title, n) => Object.assign(element("th", title, n ? "" : "words"), { scope: "col" })));
    head.replaceChildren(line);
    by = null;
    sortsBy([...line.cells], (column, sign) => { by = (a, b) => compared(keys[column](a), keys[column](b), sign); fill(); });
    return names;
  }

  let names = heads();

  function fill() {
    const marked = row => runs.marked ? !runs.marked.has(row) : 0;
    const order = runs.rows.toSorted((a, b) => marked(a) - marked(b) || (by ? by(a, b) : a - b));
    const shown = many ? order : order.slice(0, FEW);
    more.hidden = shown.length === order.length;
    more.textContent = `Show all ${order.length.toLocaleString("en")} runs`;
    body.replaceChildren(...shown.map(row => {
      const line = element("tr"), first = element("td", undefined, "words"), button = element("button", runs.label(row), "run");
      line.dataset.row = row;
      button.type = "button";
      first.append(button);
      line.append(first, ...names.map(name => element("td", runs.written(name, runs.value(name, row)))));
      const last = element("td");
      last.append(element("code", runs.key[row].slice(0, 8)));
      if (runs.explore[row]) last.append(" ", explorer(runs, row));
      line.append(last);
      return line;
    }));
    states();
  }

  function states() {
    for (const line of body.rows) {
      const row = Number(line.dataset.row);
      line.classList.toggle("marked", Boolean(runs.marked?.has(row)));
      line.classList.toggle("hovered", row === runs.hovered);
      line.querySelector("button").setAttribute("aria-pressed", runs.pinned.includes(row));
    }
  }

  const rowOf = event => Number(event.target.closest("tr")?.dataset.row ?? -1);
  body.addEventListener("click", event => { if (event.target.closest("button")) runs.pin(rowOf(event)); });
  body.addEventListener("pointerover", event => runs.hover(rowOf(event)));
  body.addEventListener("pointerleave", () => runs.hover(-1));
  runs.on(what => {
    if (what.has(AXES)) { names = heads(); many = false; }
    if (what.has(SHOWN) || what.has(MARKED) || what.has(AXES)) fill();
    else states();
  });
  fill();
}

function startBrowse() {
  const data = document.getElementById("runs-data"), find = id => document.getElementById(`browse-${id}`);
  if (!data) return;
  const runs = new Runs(JSON.parse(data.textContent));
  for (const id of ["browse", "to-browse"]) document.getElementById(id).hidden = false;
  const setting = find("setting"), filter = find("filter"), said = find("said"), clear = find("clear");
  setting.append(...runs.settings.map((title, n) => Object.assign(element("option", title), { value: n })));
  setting.parentElement.hidden = runs.settings.length < 2;
  setting.addEventListener("change", () => runs.turnTo(Number(setting.value)));
  filter.addEventListener("input", () => runs.filter(filter.value));
  clear.addEventListener("click", () => {
    filter.value = "";
    runs.hidden.clear();
    runs.marked = null;
    runs.pinned.length = 0;
    runs.filter("");
    runs.tell(PINNED);
  });
  const { charts, axes } = startCharts(runs, find("charts"));
  startLegend(runs, find("legend"));
  startTip(runs, charts, axes, find("live"));
  startPins(runs, find("pins"));
  startTable(runs, find("runs"));
  const tell = () => {
    const counted = n => `${n.toLocaleString("en")} run${n === 1 ? "" : "s"}`;
    said.textContent = runs.marked ? `${counted(runs.marked.size)} marked of ${runs.rows.length.toLocaleString("en")}` : counted(runs.rows.length);
  };
  tell();
  runs.on(tell);
  window.runBrowser = { runs, charts };
}
