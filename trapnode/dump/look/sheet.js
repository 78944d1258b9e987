// The contact sheet: what is shown, and only as many cards in the document as the window needs.

const FACTS = JSON.parse(document.getElementById("facts").textContent);
const ALL = typeof SEQUENCES === "undefined" ? [] : SEQUENCES.reverse(); // Newest first.
const LABELS = new Map(FACTS.labels.map((each) => [each.label, each]));
const GAP = 10;
const NARROWEST = 156; // Pixels of a card: two columns at 360.
const TEXT = 66; // Pixels below its picture.
const PRINTED = 300; // Sequences on paper, at most.

const FILTERS = [
  ["kept", "kept", (each) => !discarded(each)],
  ...FACTS.labels.map(({ label, words }) => [`=${label}`, words, (each) => each.label === label]),
  ["audit", "audit sample", (each) => each.verdict === "audit"],
  ["answered", "answered", (each) => answers.has(each.stem)],
  ["all", "all", () => true],
];
const VERDICTS = {
  target: "target", kept: "kept", unsorted: "not sorted yet",
  audit: "blank, kept for audit", discarded: "blank, preview only",
};

let answers = new Map(); // Label by stem, as a person gave it.
let filter = "kept";
let shown = []; // The sequences that the filter lets through.
let current = 0; // The place among them that the keyboard is at.
let grid = { columns: 1, width: NARROWEST, row: 1 };
const cards = new Map(); // By place.

const find = (id) => document.getElementById(id);
const discarded = (each) => each.verdict === "audit" || each.verdict === "discarded";
const wordsOf = (label) => LABELS.get(label)?.words ?? label;
const percent = (share) => `${Math.round(share * 100)} %`;
const local = (at) =>
  new Date((at + FACTS.utcOffsetMin * 60) * 1000).toISOString().slice(0, 19).replace("T", " ");

// Make an element; what is not an element among its children becomes text, never mark-up.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function titleOf(each) {
  const answer = answers.get(each.stem);
  if (answer !== undefined) return wordsOf(answer);
  if (each.guess) return `maybe ${wordsOf(each.guess)}`;
  return wordsOf(each.label) + (each.count > 1 ? ` × ${each.count}` : "");
}

const behind = ([path]) => `media/${path}`;
const small = ([path]) =>
  path.endsWith(".preview.jpg") ? behind([path]) : `previews/${path.replace(/jpg$/, "preview.jpg")}`;

// A picture with its boxes; where there is no preview, the picture itself; else the word for it.
function picture(frame) {
  if (!frame) return make("span", { class: "none" }, "no picture");
  const image = make("img", { src: small(frame), alt: "", decoding: "async", draggable: "false" });
  const fit = make("span", { class: "fit" }, image);
  for (const [left, top, width, height] of frame.slice(1)) {
    const box = make("b");
    Object.assign(box.style, {
      left: percentage(left), top: percentage(top), width: percentage(width), height: percentage(height),
    });
    fit.append(box);
  }
  image.onerror = () => {
    if (image.getAttribute("src") === behind(frame)) fit.replaceWith(make("span", { class: "none" }, "sealed or not here"));
    else image.src = behind(frame);
  };
  return fit;
}
const percentage = (share) => `${(share * 100).toFixed(1)}%`;

function card(place) {
  const each = shown[place];
  const answered = answers.has(each.stem);
  const sure = each.guess || each.probability === undefined ? "" : percent(each.probability);
  const title = make("strong", {}, make("span", {}, titleOf(each)));
  title.append(make("em", {}, answered ? "✓ answered" : sure));
  const classes = ["card", each.verdict, answered && "answered", place === current && "current"];
  const element = make(
    "button",
    { type: "button", class: classes.filter(Boolean).join(" "), title: each.reason ?? each.stem },
    make("span", { class: "shot" }, picture((each.frames ?? [])[each.best ?? 0])),
    title,
    make("time", {}, local(each.at), each.clock === "none" ? " ?" : ""),
    make("small", {}, VERDICTS[each.verdict]),
  );
  element.onfocus = () => move(place);
  element.onclick = () => review(place);
  return element;
}

function put(place) {
  cards.get(place)?.remove();
  const element = card(place);
  const column = place % grid.columns;
  Object.assign(element.style, {
    left: `${column * (grid.width + GAP)}px`,
    top: `${Math.floor(place / grid.columns) * grid.row}px`,
    width: `${grid.width}px`,
    height: `${grid.row - GAP}px`,
  });
  cards.set(place, element);
  find("sheet").append(element);
}

// Bring the cards near the window into the document, and take the others out.
function draw() {
  const above = -find("sheet").getBoundingClientRect().top;
  const from = Math.max(0, Math.floor((above - innerHeight) / grid.row) * grid.columns);
  const to = Math.min(shown.length, Math.ceil((above + 2 * innerHeight) / grid.row) * grid.columns);
  for (const [place, element] of cards) {
    if (place >= from && place < to) continue;
    element.remove();
    cards.delete(place);
  }
  for (let place = from; place < to; place++) if (!cards.has(place)) put(place);
}

function layout() {
  const width = find("sheet").clientWidth;
  const columns = Math.max(1, Math.min(6, Math.floor((width + GAP) / (NARROWEST + GAP))));
  const wide = (width - GAP * (columns - 1)) / columns;
  grid = { columns, width: wide, row: Math.round(wide * 0.75) + TEXT + GAP };
  find("sheet").style.height = `${Math.ceil(shown.length / columns) * grid.row}px`;
  for (const element of cards.values()) element.remove();
  cards.clear();
  draw();
}

function move(place) {
  const before = current;
  current = Math.max(0, Math.min(shown.length - 1, place));
  for (const each of [before, current]) cards.get(each)?.classList.toggle("current", each === current);
  const top = find("sheet").offsetTop + Math.floor(current / grid.columns) * grid.row;
  const bar = find("bar").offsetHeight + GAP;
  if (top < scrollY + bar) scrollTo(0, top - bar);
  else if (top + grid.row > scrollY + innerHeight) scrollTo(0, top + grid.row - innerHeight);
}

function choose(name) {
  filter = name;
  const [, , test] = FILTERS.find(([each]) => each === name);
  shown = ALL.filter(test);
  current = 0;
  for (const chip of find("chips").children) chip.setAttribute("aria-pressed", chip.value === name);
  find("told").textContent = shown.length ? "" : "Nothing to show here.";
  layout();
  charts(shown);
}

function chips() {
  const made = FILTERS.flatMap(([name, words, test]) => {
    const count = ALL.filter(test).length;
    if (!count && name !== "kept" && name !== filter) return [];
    const chip = make("button", { type: "button", value: name }, words, make("i", {}, String(count)));
    chip.setAttribute("aria-pressed", name === filter);
    chip.onclick = () => choose(name);
    return [chip];
  });
  find("chips").replaceChildren(...made);
}

// Paper has no window: lay out the first of what is shown, all at once.
function printing(on) {
  find("sheet").classList.toggle("paper", on);
  if (!on) return layout();
  for (const element of cards.values()) element.remove();
  cards.clear();
  for (let place = 0; place < Math.min(PRINTED, shown.length); place++) put(place);
  if (shown.length > PRINTED) {
    find("told").textContent = `The ${PRINTED} newest of ${shown.length} are printed.`;
  }
}

addEventListener("scroll", draw, { passive: true }); // Comes once a frame.
addEventListener("resize", layout);
addEventListener("beforeprint", () => printing(true));
addEventListener("afterprint", () => printing(false));
