"use strict";
// A click on a heading sorts by its column: names from A, numbers from the highest; a second click turns it round.
const body = document.querySelector("tbody"), heads = [...document.querySelectorAll("th")];

function keyOf(row, column) {
  const cell = row.cells[column], picture = cell.querySelector("img");
  if (column === 0) return cell.querySelector("a").title;
  const text = picture ? picture.alt.replace("P(abnormal)", "") : cell.textContent;
  const number = Number.parseFloat(text.replaceAll(",", ""));
  return Number.isNaN(number) ? -1 : number;  // an image without a cell comes last
}

heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
  const before = head.getAttribute("aria-sort");
  const rising = before ? before === "descending" : column === 0;
  const rows = [...body.rows].map((row) => [keyOf(row, column), row]);
  const compare = column ? (a, b) => a - b : (a, b) => a.localeCompare(b, undefined, { numeric: true });
  rows.sort(([a], [b]) => (rising ? 1 : -1) * compare(a, b));
  heads.forEach((other) => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", rising ? "ascending" : "descending");
  body.append(...rows.map(([, row]) => row));
}));
