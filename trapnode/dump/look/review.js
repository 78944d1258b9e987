// A person's answers: by keyboard or finger, remembered by the browser, saved as a CSV.

const REMEMBERED = `trapnode ${FACTS.unit} ${FACTS.archive}`;
const OFFERED = FACTS.labels.map(({ label }) => label).filter((label) => label !== "unclassified");
const OWN_KEYS = { blank: "b", person: "p", vehicle: "v", unknown: "u" };
const KEYS = new Map(); // Label by its key: animals have digits.
for (const label of OFFERED) {
  const digit = String(1 + [...KEYS.keys()].filter((key) => /\d/.test(key)).length);
  const key = OWN_KEYS[label] ?? (digit.length === 1 ? digit : "");
  if (key) KEYS.set(key, label);
}
const keyOf = (label) => [...KEYS].find(([, each]) => each === label)?.[0] ?? "";
const DWELL_MS = 300; // A picture that is looked at for so long is worth its full size.

let frame = 0;
let unsaved = false;
let dwelling = 0;
let last; // The sequence that was answered last.

const open = () => find("viewer").open;
const framesOf = (each) => each.frames ?? [];

function remember() {
  try {
    localStorage.setItem(REMEMBERED, JSON.stringify([...answers]));
  } catch { /* A browser that remembers nothing of file://: the CSV is what counts. */ }
}

function recall() {
  try {
    answers = new Map(JSON.parse(localStorage.getItem(REMEMBERED) ?? "[]"));
  } catch {
    answers = new Map();
  }
}

// Take an answer for the current sequence, or take it back; go on to the next one.
function answer(label) {
  const each = shown[current];
  if (!each || !framesOf(each).length) return;
  if (label === undefined) answers.delete(each.stem);
  else answers.set(each.stem, label);
  unsaved = answers.size > 0;
  remember();
  const place = current;
  last = each;
  if (label !== undefined && current < shown.length - 1) go(current + 1);
  else if (open()) view();
  if (cards.has(place)) put(place);
  told();
}

function told() {
  find("save").disabled = !answers.size;
  find("save").textContent = answers.size ? `Save ${answers.size} answer${answers.size > 1 ? "s" : ""}` : "Save answers";
  chips();
  charts(shown);
}

const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

// One row for each answered sequence, oldest first: its best picture stands for it.
function csv() {
  const rows = ALL.filter((each) => answers.has(each.stem) && framesOf(each).length).reverse()
    .map((each) => [behind(each.frames[each.best ?? 0]), answers.get(each.stem)]);
  return [["path", "label"], ...rows].map((row) => row.map(quoted).join(",") + "\r\n").join("");
}

function save() {
  const url = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  make("a", { href: url, download: `${FACTS.unit}-answers.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
  unsaved = false;
}

function review(place) {
  move(place);
  if (!open()) find("viewer").showModal();
  frame = shown[current]?.best ?? 0;
  view();
}

function go(place) {
  move(place);
  if (!open()) return;
  frame = shown[current].best ?? 0;
  view();
}

function view() {
  const each = shown[current];
  const given = answers.get(each.stem);
  const said = each.guess ? `unknown, maybe ${wordsOf(each.guess)}` : wordsOf(each.label);
  const sure = each.probability === undefined ? "" : ` ${percent(each.probability)}`;
  const scientific = LABELS.get(each.label)?.scientific;
  find("what").replaceChildren(
    make("strong", {}, `${said}${each.count > 1 ? ` × ${each.count}` : ""}${sure}`), " ",
    make("em", {}, scientific ?? ""),
    make("div", { class: "dim" }, `${local(each.at)}${each.clock === "none" ? " (clock not trusted)" : ""}` +
      ` · ${VERDICTS[each.verdict]} · ${current + 1} of ${shown.length}`),
  );
  stage(framesOf(each)[frame]);
  find("strip").replaceChildren(...framesOf(each).map((one, place) => {
    const small = make("button", { type: "button", "aria-pressed": place === frame, "aria-label": `frame ${place + 1}` }, picture(one));
    small.onclick = () => { frame = place; view(); };
    return small;
  }));
  find("answer").textContent = given !== undefined ? `Your answer: ${wordsOf(given)}` : (each.reason ?? each.stem);
  for (const button of find("answers").querySelectorAll("[value]")) button.setAttribute("aria-pressed", button.value === given);
}

function stage(shot) {
  const fit = picture(shot);
  const link = shot ? make("a", { href: behind(shot), target: "_blank", rel: "noopener", title: "the full picture" }, fit) : fit;
  find("stage").replaceChildren(link);
  clearTimeout(dwelling);
  dwelling = setTimeout(() => {
    if (!shot || small(shot) === behind(shot) || !fit.isConnected) return;
    const full = new Image();
    full.onload = () => { if (fit.isConnected) fit.querySelector("img").src = full.src; };
    full.src = behind(shot);
  }, DWELL_MS);
}

function buttons() {
  const other = make("input", { id: "other", placeholder: "other, Enter", "aria-label": "another label", size: "12" });
  other.onkeydown = (event) => {
    event.stopPropagation();
    if (event.key === "Enter" && other.value.trim()) {
      answer(other.value.trim().toLowerCase());
      other.value = "";
      other.blur();
    } else if (event.key === "Escape") other.blur();
  };
  find("answers").replaceChildren(
    ...OFFERED.map((label) => {
      const button = make("button", { type: "button", value: label }, wordsOf(label));
      if (keyOf(label)) button.append(make("kbd", {}, keyOf(label)));
      button.onclick = () => answer(label);
      return button;
    }), other);
  find("keymap").replaceChildren(...[
    ["← →", "the newer, the older sequence"], ["↑ ↓", "a row of the sheet; a frame of the sequence"],
    ["Enter", "open, close"], ["y", "it is what it says"], ["Backspace", "take an answer back"],
    ["o", "type another label"], ["s", "save the answers"],
    ...[...KEYS].map(([key, label]) => [key, wordsOf(label)]),
  ].flatMap(([key, words]) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, words)]));
}

function turn(by) {
  const all = framesOf(shown[current]).length;
  if (all) frame = (frame + by + all) % all;
  view();
}

const ACTIONS = {
  ArrowLeft: () => go(current - 1),
  ArrowRight: () => go(current + 1),
  ArrowUp: () => (open() ? turn(-1) : move(Math.max(current % grid.columns, current - grid.columns))),
  ArrowDown: () => (open() ? turn(1) : move(current + grid.columns)),
  Enter: () => (open() ? find("viewer").close() : review(current)),
  Escape: () => find("viewer").close(),
  Backspace: () => { // After an answer the next sequence stands here already: go back to it.
    if (!answers.has(shown[current].stem) && shown.includes(last)) go(shown.indexOf(last));
    answer(undefined);
  },
  y: () => { if (OFFERED.includes(shown[current].label)) answer(shown[current].label); },
  o: () => { if (!open()) review(current); find("other").focus(); },
  s: () => { if (answers.size) save(); },
  "?": () => (find("help").open ? find("help").close() : find("help").showModal()),
};

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "INPUT") return;
  if (find("help").open && event.key !== "?") return;
  const chosen = event.target.closest?.("#chips [aria-pressed=true]"); // The click that chose it left the focus there.
  if (event.key === "Enter" && !chosen && event.target.closest?.("button:not(.card), summary, a")) return;
  const action = ACTIONS[event.key] ?? (KEYS.has(event.key) && (() => answer(KEYS.get(event.key))));
  if (!action || !shown.length) return;
  event.preventDefault();
  action();
});
addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });
for (const button of document.querySelectorAll("[data-key]")) button.onclick = () => ACTIONS[button.dataset.key]();
find("save").onclick = save;
find("keys").onclick = () => find("help").showModal();
find("overview").open = innerWidth >= 700;

recall();
figures();
buttons();
told();
choose("kept");
if (typeof SEQUENCES === "undefined") find("told").textContent = "index.js is not beside this page: copy the whole folder.";
