"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const grid = at("cells"), one = at("one"), low = at("low"), high = at("high"), image = at("image");
let shown = [], current = -1;

const colourOf = (score) => data.colours[Math.min(data.colours.length - 1, Math.floor(score * data.colours.length))];

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

const buttons = data.cells.map((cell, index) => {
  const button = element("button", "cell");
  const picture = element("img");
  const abnormal = cell.score >= data.threshold;
  button.type = "button";
  picture.src = cell.picture;
  picture.alt = `P(abnormal) ${cell.score.toFixed(3)}`;
  picture.loading = "lazy";
  const score = element("span", abnormal ? "abnormal" : "", cell.score.toFixed(3));
  score.style.borderTopColor = colourOf(cell.score);
  const where = data.images.length > 1 ? `${data.images[cell.image].name} ` : "";
  if (cell.out_of_distribution) button.title = "out of distribution: its score means little";
  button.classList.toggle("ood", cell.out_of_distribution);
  button.append(picture, score, element("small", "", `${where}${Math.round(cell.x)}, ${Math.round(cell.y)}`));
  button.addEventListener("click", () => show(shown.indexOf(index)));
  return button;
});
grid.append(...buttons);

function filter() {
  const from = Number(low.value), to = Number(high.value), only = image ? image.value : "";
  at("low-value").textContent = from.toFixed(2);
  at("high-value").textContent = to.toFixed(2);
  shown = [];
  data.cells.forEach((cell, index) => {
    const keep = cell.score >= from && cell.score <= to && (only === "" || cell.image === Number(only));
    buttons[index].hidden = !keep;
    if (keep) shown.push(index);
  });
  at("count").textContent = `${shown.length} of ${data.cells.length} shown`;
  document.querySelectorAll(".bar").forEach((bar) => {
    const middle = Number(bar.dataset.low) + 0.025;
    bar.classList.toggle("off", middle < from || middle > to);
  });
}

function show(place) {
  if (place < 0 || place >= shown.length) return;
  current = place;
  const cell = data.cells[shown[place]], field = data.images[cell.image];
  const x = cell.x - cell.left + 0.5, y = cell.y - cell.top + 0.5;
  const ood = cell.out_of_distribution ? ", out of distribution" : "";
  const area = cell.area === null ? "" : `, nucleus ${cell.area.toFixed(1)} µm²`;
  at("facts").textContent = `${place + 1} of ${shown.length}: P(abnormal) ${cell.score.toFixed(3)} ± ` +
    `${cell.spread.toFixed(3)}${ood}${area}, at ${cell.x.toFixed(1)}, ${cell.y.toFixed(1)} of ${field.name}`;
  const large = at("large"), ring = at("ring"), view = at("field");
  large.onload = () => {
    view.scrollLeft = x - view.clientWidth / 2;
    view.scrollTop = y - view.clientHeight / 2;
  };
  const source = cell.around || field.picture;
  if (large.src !== source) large.src = source;
  ring.style.left = `${x}px`;
  ring.style.top = `${y}px`;
  ring.style.borderColor = colourOf(cell.score);
  at("map").hidden = false;
  at("small").src = field.picture;
  at("spot").style.left = `${(100 * (cell.x + 0.5)) / field.width}%`;
  at("spot").style.top = `${(100 * (cell.y + 0.5)) / field.height}%`;
  if (!one.open) one.showModal();
  if (large.complete) large.onload();
  at("previous").disabled = place === 0;
  at("next").disabled = place === shown.length - 1;
}

document.addEventListener("keydown", (event) => {
  if (!one.open) return;
  const steps = { ArrowRight: current + 1, ArrowLeft: current - 1, Home: 0, End: shown.length - 1 };
  if (event.key in steps) {
    event.preventDefault();
    show(steps[event.key]);
  }
});
at("previous").addEventListener("click", () => show(current - 1));
at("next").addEventListener("click", () => show(current + 1));
at("close").addEventListener("click", () => one.close());
one.addEventListener("close", () => { if (current >= 0) buttons[shown[current]].focus(); });
at("filter").addEventListener("input", filter);
at("filter").addEventListener("submit", (event) => event.preventDefault());
filter();
