// The plane of two latents: a map of pictures, the real images as dots, and a handle to drag.

const MAP = 7; // pictures across and up

/** Sets the plane up; `changed(kind)` is called when it is moved. Returns what redraws it. */
function makePlane(changed) {
  const square = document.getElementById("plane");
  const [map, over] = square.querySelectorAll("canvas");
  const handle = square.querySelector(".handle");
  const selects = { across: document.getElementById("across"), up: document.getElementById("up") };
  const sliders = {
    across: document.getElementById("plane-across"), up: document.getElementById("plane-up"),
  };
  const of = (axis) => latents.find((latent) => latent.latent === state[axis]);
  const share = (axis, value) => (value - of(axis).low) / (of(axis).high - of(axis).low);
  const value = (axis, part) => of(axis).low + part * (of(axis).high - of(axis).low);

  size(map, MAP, MAP);
  painter.add({
    canvas: map,
    tiles: MAP * MAP,
    key() {
      const rest = [...shownCode()];
      rest[state.across] = rest[state.up] = 0;
      return [state.across, state.up, state.label, ...rest].join();
    },
    paint(tile) {
      const [column, row] = [tile % MAP, Math.floor(tile / MAP)];
      const code = [...shownCode()];
      code[state.across] = value("across", (column + 0.5) / MAP);
      code[state.up] = value("up", 1 - (row + 0.5) / MAP);
      paint(map, decode(code, state.label), 255, column, row);
    },
  });

  function dots() {
    const box = square.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    over.width = box.width * ratio;
    over.height = box.height * ratio;
    const context = over.getContext("2d");
    context.scale(ratio, ratio);
    const colours = getComputedStyle(square);
    context.fillStyle = colours.getPropertyValue("--dot");
    context.strokeStyle = colours.getPropertyValue("--dot-edge");
    for (const { code } of examples) {
      const x = share("across", code[state.across]) * box.width;
      const y = (1 - share("up", code[state.up])) * box.height;
      context.beginPath();
      context.arc(x, y, 3, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
  }

  function move(across, up) {
    for (const [axis, part] of [["across", across], ["up", up]]) {
      setLatent(state[axis], value(axis, Math.min(1, Math.max(0, part))));
    }
    changed("plane");
  }

  function drag(event) {
    const box = square.getBoundingClientRect();
    move((event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height);
  }

  square.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    square.setPointerCapture(event.pointerId);
    sliders.across.focus({ preventScroll: true });
    event.preventDefault();
    drag(event);
  });
  square.addEventListener("pointermove", (event) => {
    if (square.hasPointerCapture(event.pointerId)) drag(event);
  });

  const STEPS = {
    ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1],
    PageDown: [0, -5], PageUp: [0, 5], Home: [-5, 0], End: [5, 0],
  };
  for (const axis of ["across", "up"]) {
    sliders[axis].addEventListener("keydown", (event) => {
      const step = STEPS[event.key];
      if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      const code = shownCode();
      move(share("across", code[state.across]) + step[0] / 50,
        share("up", code[state.up]) + step[1] / 50);
    });
    sliders[axis].addEventListener("input", () => { // as a screen reader moves it
      setLatent(state[axis], Number(sliders[axis].value));
      changed("plane");
    });
    for (const latent of latents) {
      selects[axis].append(element("option", { value: latent.latent }, latentName(latent)));
    }
    selects[axis].addEventListener("change", () => {
      state[axis] = Number(selects[axis].value);
      changed(`plane ${axis}`);
    });
  }
  new ResizeObserver(dots).observe(square);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", dots);
  let drawn = "";

  return () => {
    const code = shownCode();
    for (const axis of ["across", "up"]) {
      const about = of(axis);
      selects[axis].value = state[axis];
      Object.assign(sliders[axis], { min: about.low, max: about.high, step: "any" });
      sliders[axis].value = code[state[axis]];
      const words = axis === "across" ? "left and right" : "up and down";
      sliders[axis].setAttribute("aria-label", `Plane, ${latentName(about)}: arrow keys ${words}`);
      sliders[axis].setAttribute("aria-valuetext", code[state[axis]].toFixed(2));
    }
    const inside = (part) => 100 * Math.min(1, Math.max(0, part));
    handle.style.left = `${inside(share("across", code[state.across]))}%`;
    handle.style.top = `${inside(1 - share("up", code[state.up]))}%`;
    const axes = `${state.across},${state.up}`;
    if (drawn !== axes) dots();
    drawn = axes;
  };
}
