// Figures, large: a dialog with the figure to the window's size or its own, and the next one.

function startZoom() {
  const figures = [...document.querySelectorAll(".drawn")];
  if (!figures.length) return;
  const dialog = document.createElement("dialog");
  dialog.className = "zoom";
  const bar = document.createElement("div"), title = document.createElement("b");
  bar.className = "bar";
  let place = 0, whole = true;

  function button(text, action) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.addEventListener("click", action);
    return made;
  }

  function fitted(on) {
    whole = on;
    size.textContent = whole ? "Full size" : "Fit";
    const shown = dialog.querySelector(".drawn");
    if (shown) shown.className = `drawn ${whole ? "fit" : "full"}`;
  }

  function show(next) {
    place = (next + figures.length) % figures.length;
    dialog.querySelector(".drawn")?.remove();
    const copy = figures[place].cloneNode(true), image = copy.querySelector("img");
    image.removeAttribute("id");
    title.textContent = figures[place].dataset.title;
    dialog.append(copy);
    fitted(whole);
    dialog.scrollTo(0, 0);
  }

  function open(at) {
    show(at);
    if (!dialog.open) dialog.showModal();
  }

  const size = button("Full size", () => fitted(!whole));
  bar.append(title, button("Previous", () => show(place - 1)), button("Next", () => show(place + 1)),
    size, button("Close", () => dialog.close()));
  dialog.append(bar);
  dialog.setAttribute("aria-label", "Figure, enlarged");
  dialog.addEventListener("keydown", event => {
    if (event.key === "ArrowLeft") show(place - 1);
    if (event.key === "ArrowRight") show(place + 1);
  });
  dialog.addEventListener("click", event => {
    if (event.target === dialog) dialog.close();
    else if (event.target.closest(".drawn")) fitted(!whole);
  });
  dialog.addEventListener("close", () => {
    dialog.querySelector(".drawn")?.remove();
    figures[place].querySelector("img").scrollIntoView({ block: "nearest" });
    figures[place].closest("figure")?.querySelector(".larger")?.focus({ preventScroll: true });
  });
  document.body.append(dialog);
  figures.forEach((figure, at) => {
    figure.addEventListener("click", () => open(at));
    const larger = button("Enlarge", () => open(at)), words = figure.closest("figure").querySelector("figcaption");
    larger.className = "larger";
    larger.setAttribute("aria-label", `Enlarge: ${figure.dataset.title}`);
    words.append(" ", larger);
  });
}
