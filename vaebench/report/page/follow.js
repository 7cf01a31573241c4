// The page of a sweep that is still running looks for a newer one, unless somebody is at work in it.

function startFollow() {
  const seconds = Number(document.body.dataset.follow);
  if (!seconds) return;
  let touched = 0;
  for (const kind of ["pointerdown", "keydown", "wheel", "touchstart"])
    addEventListener(kind, () => { touched = performance.now(); }, { passive: true });
  const busy = () => document.hidden || document.querySelector("dialog[open]")
    || (touched && performance.now() - touched < 1000 * seconds)
    || window.runBrowser && (runBrowser.runs.marked || runBrowser.runs.pinned.length || runBrowser.runs.words);
  setInterval(() => { if (!busy()) location.reload(); }, 1000 * seconds);
}
