// Light or dark: as the system has it until the button is used, then as it was chosen.

const THEME = "vaebench-theme";
const darkly = matchMedia("(prefers-color-scheme: dark)");
const onTheme = [];

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : darkly.matches;
}

function remembered(value) {
  try { // a browser may forbid it to pages opened from disk
    if (value !== undefined) localStorage.setItem(THEME, value);
    return localStorage.getItem(THEME);
  } catch { return null; }
}

function startTheme(button) {
  const stored = remembered();
  if (stored === "dark" || stored === "light") document.documentElement.dataset.theme = stored;
  const tell = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", isDark() ? "Show the page in light colours" : "Show the page in dark colours");
    for (const listener of onTheme) listener();
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    remembered(document.documentElement.dataset.theme);
    tell();
  });
  darkly.addEventListener("change", tell);
  tell();
}
