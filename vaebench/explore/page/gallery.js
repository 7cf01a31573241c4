// The real images: a grid to choose from by pointer or keyboard, and the ends of the walk.

/** Sets the gallery up; `choose(place)` is called with the image chosen. Returns what marks it. */
function makeGallery(images, choose) {
  const host = document.getElementById("gallery");
  const buttons = examples.map((example, place) => {
    const canvas = size(element("canvas", { "aria-hidden": "true" }));
    paint(canvas, images[place], 1);
    const button = element("button", {
      type: "button", tabindex: -1, "aria-pressed": "false",
      "aria-label": exampleSaid(place), title: exampleSaid(place),
    }, canvas);
    button.addEventListener("click", () => choose(place));
    button.addEventListener("focus", () => stop(place));
    return button;
  });
  host.append(...buttons);

  /** Makes one image the place where Tab stops. */
  function stop(place) {
    buttons.forEach((button, other) => { button.tabIndex = other === place ? 0 : -1; });
  }

  host.addEventListener("keydown", (event) => {
    const place = buttons.indexOf(document.activeElement);
    const top = buttons[0].offsetTop;
    const columns = Math.max(1, buttons.filter((button) => button.offsetTop === top).length);
    const steps = {
      ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns,
      Home: -place, End: buttons.length - 1 - place,
    };
    if (place < 0 || !(event.key in steps)) return;
    event.preventDefault();
    const next = place + steps[event.key];
    if (next >= 0 && next < buttons.length) buttons[next].focus();
  });

  return () => {
    buttons.forEach((button, place) => {
      button.setAttribute("aria-pressed", String(place === state.image));
    });
    if (!host.contains(document.activeElement)) stop(Math.max(0, state.image));
  };
}

/** Sets the walk's ends up. Returns what redraws them, and what takes an image for an open end. */
function makeEnds(images, say) {
  const buttons = { from: document.getElementById("from"), to: document.getElementById("to") };
  const canvases = {};
  let open = null;

  function mark() {
    for (const [end, button] of Object.entries(buttons)) {
      button.setAttribute("aria-pressed", String(end === open));
    }
    document.getElementById("gallery").classList.toggle("asking", open !== null);
  }

  for (const [end, button] of Object.entries(buttons)) {
    canvases[end] = size(button.querySelector("canvas"));
    button.addEventListener("click", () => {
      open = open === end ? null : end;
      mark();
      if (!open) return;
      say(`Now choose the image to walk ${end}.`);
      const chosen = document.querySelector("#gallery [tabindex='0']");
      chosen.scrollIntoView({ block: "nearest" });
      chosen.focus();
    });
  }

  return {
    draw() {
      for (const [end, button] of Object.entries(buttons)) {
        const word = end === "from" ? "From" : "To";
        paint(canvases[end], images[state[end]], 1);
        button.querySelector("span").textContent = `${word} ${exampleName(state[end])}`;
        button.setAttribute("aria-label", `${word} ${exampleSaid(state[end])}. Press to change.`);
      }
    },
    take(place) {
      if (!open) return null;
      const end = open;
      state[end] = place;
      open = null;
      mark();
      buttons[end].focus();
      return end;
    },
  };
}
