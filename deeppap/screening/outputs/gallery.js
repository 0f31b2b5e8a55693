"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const grid = at("cells"), one = at("one"), low = at("low"), high = at("high"), image = at("image");
const strange = at("ood");  // missing where the net has no reference for it
const SKIP = "-";
const kindOf = Object.fromEntries(data.classes.map(([, name, kind]) => [name, kind]));
const nameOfKey = Object.fromEntries(data.classes.map(([key, name]) => [key.toLowerCase(), name]));
const placeOf = Object.fromEntries(data.cells.map((cell, index) => [cell.id, index]));
let shown = [], current = -1, inField = false, zoom = 1;
let labels = {};     // by the cell's id: { class, by, at }, all text; and whether a labels.csv has it: saved
let reminded = false;
const undone = [];   // [id, its label before], the last change at the end

const colourOf = (score) => data.colours[Math.min(data.colours.length - 1, Math.floor(score * data.colours.length))];
// a net of several classes says which; "junk" and the like are neither normal nor abnormal
const named = (cell) => (cell.kind && cell.kind !== cell.called ? `${cell.called}: ${cell.kind}` : cell.called);

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// A long file name keeps its beginning and its end: names of one slide differ in either
function shortened(name) {
  return name.length <= 22 ? name : `${name.slice(0, 10)}…\u200b${name.slice(-10)}`;  // two lines of a narrow cell
}

const buttons = data.cells.map((cell, index) => {
  const button = element("button", "cell");
  const picture = element("img");
  button.type = "button";
  picture.src = cell.picture;
  picture.alt = `P(abnormal) ${cell.score.toFixed(3)}`;
  picture.loading = "lazy";
  const score = element("span", "", `${cell.score.toFixed(3)} ${named(cell)}`);
  score.style.borderTopColor = colourOf(cell.score);
  const field = data.images[cell.image].name;
  const where = data.images.length > 1 ? `${shortened(field)}\n` : "";
  button.title = field + (cell.out_of_distribution ? ", out of distribution: its score means little" : "");
  button.classList.toggle("ood", cell.out_of_distribution);
  const place = element("small", "", `${where}${Math.round(cell.x)}, ${Math.round(cell.y)}`);
  button.append(picture, score, element("b", "label"), place);
  button.addEventListener("click", () => show(shown.indexOf(index)));
  // as the field closes, the browser gives the focus back to the cell that it was opened from, not to the current one
  button.addEventListener("focus", () => {
    if (inField) return;
    current = shown.indexOf(index);
    drawState();
  });
  return button;
});

// ---- labels -------------------------------------------------------------------------------------------------------

function disagrees(cell) {
  const label = labels[cell.id], kind = label && kindOf[label.class];
  return kind === "normal" || kind === "abnormal" ? kind !== cell.called : false;
}

// The browser keeps the labels of each image by themselves: its own gallery and that of all images share them.
// Labels of an older file whose images are not on this page belong to the page.
const stores = [...data.images.map((field) => field.key), data.key];
const storeOf = Object.fromEntries(data.images.map((field) => [field.name, field.key]));

const say = (text) => { at("said").textContent = text; };

function keep() {
  const kept = Object.fromEntries(stores.map((key) => [key, {}]));
  for (const [id, label] of Object.entries(labels)) kept[storeOf[label.row.image] ?? data.key][id] = label;
  try {
    for (const key of stores) localStorage.setItem(`deeppap-labels-${key}`, JSON.stringify(kept[key]));
    localStorage.setItem("deeppap-name", at("who").value);
  } catch {
    say("This browser keeps nothing: save the labels before you close or reload the page.");
  }
}

function recall() {
  try {
    for (const key of stores) Object.assign(labels, JSON.parse(localStorage.getItem(`deeppap-labels-${key}`)));
    at("who").value = localStorage.getItem("deeppap-name") || "";
  } catch {
    labels = {};
  }
}

function drawLabels() {
  let count = 0, unsaved = 0, judged = 0, agreeing = 0;
  data.cells.forEach((cell, index) => {
    const label = labels[cell.id], mark = buttons[index].querySelector(".label");
    mark.textContent = label ? (label.class === SKIP ? "skipped" : `label: ${label.class}`) : "";
    mark.classList.toggle("against", disagrees(cell));
  });
  for (const [id, label] of Object.entries(labels)) {
    if (label.class === SKIP) continue;
    count += 1;
    if (!label.saved) unsaved += 1;
    const kind = kindOf[label.class];
    if (id in placeOf && (kind === "normal" || kind === "abnormal")) {
      judged += 1;
      if (!disagrees(data.cells[placeOf[id]])) agreeing += 1;
    }
  }
  const agreement = `; of ${judged} on this page with a normal or abnormal class the net agrees with ${agreeing}`;
  at("progress").textContent =
    `${count} labelled` + (unsaved ? `, ${unsaved} not saved yet` : "") + (judged ? agreement : "") + ".";
  at("undo").disabled = undone.length === 0;
  drawState();
}

const inWords = (label) => (label.class === SKIP ? "skipped" : `label: ${label.class}${label.by ? `, by ${label.by}` : ""}`);

// What is known of the current cell: the pressed key, and in the field also its label and the one given just before
function drawState() {
  const cell = data.cells[shown[current]], label = cell && labels[cell.id], mark = one.querySelector(".label");
  grid.querySelector("[aria-current]")?.removeAttribute("aria-current");
  if (cell) buttons[shown[current]].setAttribute("aria-current", "true");
  document.querySelectorAll(".key[data-class]").forEach((button) => {
    button.setAttribute("aria-pressed", Boolean(label) && label.class === button.dataset.class);
  });
  mark.textContent = label ? inWords(label) + (disagrees(cell) ? `; the net says ${cell.called}` : "") : "";
  mark.classList.toggle("against", Boolean(label) && disagrees(cell));
  const [last] = undone.at(-1) || [], given = labels[last], place = shown.indexOf(placeOf[last]);
  const before = given && place >= 0 && place !== current ? ` Cell ${place + 1}: ${inWords(given)}; U takes it back.` : "";
  one.querySelector("#state [role=status]").textContent = (label ? "" : "No label yet.") + before;
}

function setLabel(name) {
  if (current < 0 || current >= shown.length) {
    say("Choose a cell first.");
    return;
  }
  const cell = data.cells[shown[current]], id = cell.id, when = new Date().toISOString().slice(0, 19) + "Z";
  undone.push([id, labels[id]]);
  labels[id] = { class: name, by: at("who").value.trim(), at: when, row: rowOf(cell) };
  say(current === shown.length - 1 ? "That was the last cell." : "");
  keep();
  drawLabels();
  move(Math.min(current + 1, shown.length - 1));
}

function undo() {
  if (!undone.length) return;
  const [id, before] = undone.pop();
  if (before) labels[id] = before;
  else delete labels[id];
  say("");
  keep();
  drawLabels();
  const place = shown.indexOf(placeOf[id]);
  if (place >= 0) move(place);
}

function move(place) {
  if (one.open) show(place);
  else if (shown.length) {
    current = place;
    buttons[shown[place]].focus();
  }
}

const COLUMNS = ["id", "image", "x", "y", "pixel_um", "class", "labelled_by", "labelled_at", "p_abnormal", "image_key"];
// a spreadsheet would run a name that begins so as a formula; deeppap/io/names.py has the same rule
const FORMULA = /^'*[=+\-@\t\r]/;
const asText = (value) => (FORMULA.test(value) && Number.isNaN(Number(value)) ? `'${value}` : value);
const quoted = (value) => (/[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);

function rowOf(cell) {
  const { name, key, pixel_um } = data.images[cell.image];
  return { id: cell.id, image: name, x: cell.x, y: cell.y, pixel_um, p_abnormal: cell.score, image_key: key };
}

function csvOfLabels() {
  const rows = [COLUMNS], here = data.cells.map((cell) => cell.id);
  // labels of cells that this page does not show are kept too
  for (const id of [...here, ...Object.keys(labels).filter((one) => !(one in placeOf))]) {
    const label = labels[id];
    if (!label || label.class === SKIP) continue;
    const known = id in placeOf ? rowOf(data.cells[placeOf[id]]) : label.row;
    const row = { ...known, class: label.class, labelled_by: label.by, labelled_at: label.at };
    rows.push(COLUMNS.map((name) => row[name] ?? ""));
  }
  return rows.map((row) => row.map((value) => quoted(asText(String(value)))).join(",")).join("\n") + "\n";
}

function rowsOfCsv(text) {
  const rows = [[]];
  for (const [, value, end] of text.replace(/^\ufeff/, "").matchAll(/("(?:[^"]|"")*"|[^,\r\n]*)(,|\r?\n|$)/g)) {
    rows.at(-1).push(value.startsWith('"') ? value.slice(1, -1).replaceAll('""', '"') : value);
    if (end !== ",") rows.push([]);
  }
  const [header, ...rest] = rows.filter((row) => row.some((value) => value !== ""));
  return (rest || []).map((row) => Object.fromEntries(header.map((name, k) => [name, (row[k] ?? "").replace(/^'(?='*[=+\-@\t\r])/, "")])));
}

function readOlder(text) {
  const rows = rowsOfCsv(text).filter((row) => row.id && row.class && row.x && row.y);
  let read = 0;
  for (const row of rows) {
    const have = labels[row.id];
    if (have && have.at >= row.labelled_at) continue;  // the later one counts
    undone.push([row.id, have]);
    labels[row.id] = { class: row.class, by: row.labelled_by || "", at: row.labelled_at || "", row, saved: true };
    read += 1;
  }
  keep();
  drawLabels();
  const here = rows.filter((row) => row.id in placeOf).length;
  say(rows.length
    ? `${read} labels read; ${here} of the file's ${rows.length} cells are on this page.`
    : "No labels found: expected a labels.csv with the columns id, class, x and y.");
}

at("save").addEventListener("click", () => {
  const given = Object.values(labels).filter((label) => label.class !== SKIP);
  if (!given.length) {
    say("No labels yet: nothing is saved.");
    return;
  }
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([csvOfLabels()], { type: "text/csv" }));
  link.download = "labels.csv";
  link.click();
  undone.forEach(([, before]) => { if (before) before.saved = false; });  // this file has the later one
  given.forEach((label) => { label.saved = true; });
  const unnamed = !reminded && !at("who").value.trim();
  reminded ||= unnamed;
  say("Saved as labels.csv in your folder for downloads." + (unnamed ? ' "your name" is empty.' : ""));
  keep();
  drawLabels();
});
at("older").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  if (file) readOlder(await file.text());
  event.target.value = "";
});
at("who").addEventListener("change", keep);
at("undo").addEventListener("click", undo);
document.querySelectorAll(".key").forEach((button) => {
  // a click must not take the focus from the cell that is labelled
  button.addEventListener("mousedown", (event) => event.preventDefault());
  if (button.dataset.class) button.addEventListener("click", () => setLabel(button.dataset.class));
});

// ---- which cells are shown ----------------------------------------------------------------------------------------

const ORDERS = {
  highest: (cell) => -cell.score,
  uncertain: (cell) => Math.abs(cell.score - data.threshold),
  chosen: (cell) => cell.rank,
  random: (cell) => parseInt(cell.id.slice(0, 8), 16),  // an id is a hash of the place
};

function stateOf(cell) {
  const label = labels[cell.id];
  return !label ? "no" : label.class === SKIP ? "skipped" : "yes";
}

function filter() {
  const from = Number(low.value), to = Number(high.value), only = image ? image.value : "";
  const order = at("order").value, ood = strange ? strange.value : "", labelled = at("labelled").value;
  at("low-value").textContent = from.toFixed(2);
  at("high-value").textContent = to.toFixed(2);
  const tests = [
    (cell) => cell.score >= from && cell.score <= to,
    (cell) => only === "" || cell.image === Number(only),
    (cell) => order !== "chosen" || cell.rank !== null,
    (cell) => ood === "" || cell.out_of_distribution === (ood === "only"),
    (cell) => labelled === "" || (labelled === "against" ? disagrees(cell) : labelled === stateOf(cell)),
  ];
  shown = [];
  data.cells.forEach((cell, index) => {
    const kept = tests.every((test) => test(cell));
    buttons[index].hidden = !kept;
    if (kept) shown.push(index);
  });
  const key = ORDERS[order];
  shown.sort((a, b) => key(data.cells[a]) - key(data.cells[b]) || a - b);
  grid.append(...shown.map((index) => buttons[index]));
  current = -1;  // a key must not label a cell that nobody chose
  const none = data.cells.length && !shown.length ? ": no cell matches" : "";
  at("count").textContent = `${shown.length} of ${data.cells.length} shown${none}`;
  document.querySelectorAll(".bar").forEach((bar) => {
    const middle = Number(bar.dataset.low) + 0.025;
    bar.classList.toggle("off", middle < from || middle > to);
  });
  drawState();
}

// ---- one cell in its field ----------------------------------------------------------------------------------------

function show(place) {
  if (place < 0 || place >= shown.length) return;
  current = place;
  inField = true;
  const cell = data.cells[shown[place]], field = data.images[cell.image];
  const ood = cell.out_of_distribution ? ", out of distribution" : "";
  const area = cell.area === null ? "" : `, nucleus ${cell.area.toFixed(1)} µm²`;
  const spread = cell.spread === null ? "" : ` ± ${cell.spread.toFixed(3)}`;
  at("facts").textContent = `${place + 1} of ${shown.length}: P(abnormal) ${cell.score.toFixed(3)}${spread} ` +
    `(${named(cell)})${ood}${area}, at ${cell.x.toFixed(1)}, ${cell.y.toFixed(1)} of ${field.name}`;
  drawState();
  const large = at("large"), source = cell.around || field.picture;
  large.onload = draw;
  if (large.src !== source) large.src = source;
  at("small").src = field.picture;
  at("spot").style.left = `${(100 * (cell.x + 0.5)) / field.width}%`;
  at("spot").style.top = `${(100 * (cell.y + 0.5)) / field.height}%`;
  at("map").classList.toggle("left", cell.x > field.width / 2);  // it must not cover a cell in the corner
  if (!one.open) {
    one.querySelector("header").after(at("keys"));  // one row of keys, here while the field is open
    one.showModal();
  }
  if (large.complete) draw();
  at("previous").disabled = place === 0;
  at("next").disabled = place === shown.length - 1;
}

function draw() {
  const cell = data.cells[shown[current]], large = at("large"), drawn = at("drawn"), view = at("field");
  const wide = large.naturalWidth, tall = large.naturalHeight;
  large.style.width = drawn.style.width = `${wide * zoom}px`;
  large.style.height = drawn.style.height = `${tall * zoom}px`;
  drawn.setAttribute("viewBox", `${cell.left} ${cell.top} ${wide} ${tall}`);
  at("outline").setAttribute("points", cell.outline);
  at("white").setAttribute("points", cell.outline);
  at("outline").style.stroke = at("ring").style.stroke = colourOf(cell.score);
  at("ring").setAttribute("cx", cell.x + 0.5);
  at("ring").setAttribute("cy", cell.y + 0.5);
  view.scrollLeft = (cell.x - cell.left + 0.5) * zoom - view.clientWidth / 2;
  view.scrollTop = (cell.y - cell.top + 0.5) * zoom - view.clientHeight / 2;
}

function zoomBy(factor) {
  zoom = Math.min(8, Math.max(0.5, zoom * factor));
  draw();
}

// ---- keys ---------------------------------------------------------------------------------------------------------

function columns() {
  const tops = shown.map((index) => buttons[index].offsetTop);
  const next = tops.findIndex((top) => top > tops[0]);
  return next < 0 ? shown.length : next;
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input:not([type=range]), select, textarea");
  if (typing || event.altKey || event.metaKey) return;
  const key = event.key.toLowerCase(), last = shown.length - 1;
  if (event.ctrlKey) {
    if (key === "z") undo();
    return;
  }
  const steps = { arrowright: current + 1, arrowleft: current - 1, home: 0, end: last };
  if (!one.open) Object.assign(steps, { arrowdown: current + columns(), arrowup: current - columns() });
  if (current < 0) Object.assign(steps, { arrowleft: 0, arrowdown: 0, arrowup: 0 });
  const actions = { s: () => setLabel(SKIP), u: undo };
  if (one.open) Object.assign(actions, { "+": () => zoomBy(2), "=": () => zoomBy(2), "-": () => zoomBy(0.5) });
  const onSlider = event.target.matches("input[type=range]");
  if (key in steps && shown.length && !onSlider) {
    if (steps[key] >= 0 && steps[key] <= last) move(steps[key]);
  } else if (key in actions) actions[key]();
  else if (key in nameOfKey) setLabel(nameOfKey[key]);
  else return;
  event.preventDefault();
});
at("previous").addEventListener("click", () => show(current - 1));
at("next").addEventListener("click", () => show(current + 1));
at("in").addEventListener("click", () => zoomBy(2));
at("out").addEventListener("click", () => zoomBy(0.5));
at("close").addEventListener("click", () => one.close());
one.addEventListener("close", () => {
  inField = false;
  at("bar").append(at("keys"));
  if (current >= 0) buttons[shown[current]].focus();
});
at("filter").addEventListener("input", filter);
at("filter").addEventListener("submit", (event) => event.preventDefault());
recall();
filter();
drawLabels();
