// The tables of the page sort by any column, and long ones are filtered by words.

const LONG = 8;

/** The number that a cell begins with, or its text in lower case; null where it is empty. */
function sortable(text) {
  const plain = text.trim().replace(/−/g, "-").replace(/(\d),(?=\d{3})/g, "$1");
  if (!plain || plain === "–") return null;
  const found = plain.match(/^(?:[^\d=]* = )?(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)/i);
  return found ? Number(found[1]) : plain.toLowerCase();
}

/** Orders two of what `sortable` returns; what is empty comes last either way. */
function compared(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === typeof b) return sign * (a < b ? -1 : a > b ? 1 : 0);
  return sign * (typeof a === "number" ? -1 : 1);
}

/** Makes a head sort when it is clicked, or chosen by Enter or the space bar. */
function sortsBy(heads, sort) {
  heads.forEach((head, column) => {
    head.classList.add("sorts");
    head.tabIndex = 0;
    head.title = "Sort";
    const turn = () => {
      const next = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", next);
      sort(column, next === "ascending" ? 1 : -1);
    };
    head.addEventListener("click", turn);
    head.addEventListener("keydown", event => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      turn();
    });
  });
}

function startTables() {
  for (const table of document.querySelectorAll(".scroll > table")) {
    const body = table.tBodies[0], rows = [...body.rows];
    if (rows.length < 2) continue;
    sortsBy([...table.tHead.rows[0].cells], (column, sign) => {
      const keys = new Map(rows.map(row => [row, sortable(row.cells[column].textContent)]));
      for (const row of rows) row.classList.remove("new");
      body.append(...rows.toSorted((a, b) => compared(keys.get(a), keys.get(b), sign)));
    });
    if (rows.length <= LONG) continue;
    const sieve = document.createElement("input");
    sieve.type = "search";
    sieve.className = "sieve";
    sieve.placeholder = "Filter rows";
    sieve.setAttribute("aria-label", "Filter the rows of the table below");
    sieve.addEventListener("input", () => {
      const words = sieve.value.toLowerCase().split(/\s+/);
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every(word => text.includes(word));
      }
    });
    table.parentElement.before(sieve);
  }
}
