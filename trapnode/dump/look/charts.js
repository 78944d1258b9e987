// The overview: figures, activity, discards and audit sample, health, clock. No library.

const SVG = "http://www.w3.org/2000/svg";
const DAY = 86400;
const BARS = 200; // By day, at most; then several days make one bar.
const HEALTH = [
  ["Battery", "V", (each) => (each.battery === null ? null : each.battery / 1000), 2],
  ["Processor", "°C", (each) => each.temperature, 0],
  ["Free on the card", "GiB", (each) => each.free / 1024, 1],
];

function svg(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

const sum = (values) => values.reduce((all, each) => all + each, 0);
const counts = (values) => values.reduce((all, each) => all.set(each, (all.get(each) ?? 0) + 1), new Map());

function panel(title, ...children) {
  return make("section", {}, make("h2", {}, title), ...children);
}

// Bars: `named` says what one is; `ends` stand below the first, the middle and the last.
function bars(values, named, ends, pick) {
  const most = Math.max(1, ...values);
  const chart = svg("svg", { viewBox: `0 0 ${values.length} 100`, preserveAspectRatio: "none", role: "img" });
  values.forEach((value, place) => {
    const height = (value / most) * 100;
    const bar = svg("rect", { x: place + 0.08, y: 100 - height, width: 0.84, height });
    bar.append(svg("title", {}));
    bar.firstChild.textContent = `${named(place)}: ${value}`;
    if (pick && value) {
      bar.onclick = () => pick(place);
      bar.classList.add("pick");
    }
    chart.append(bar);
  });
  const axis = make("div", { class: "axis" }, ...ends.map((each) => make("span", {}, each)));
  return [make("div", { class: "most" }, `most ${most}`), chart, axis];
}

function byHour(timed) {
  const hours = Array(24).fill(0);
  for (const each of timed) hours[Number(local(each.at).slice(11, 13))]++;
  const named = (hour) => `${hour}:00 to ${hour + 1}:00`;
  return panel("By hour", ...bars(hours, named, ["0 h", "6 h", "12 h", "18 h", "24 h"]));
}

function byDay(timed) {
  if (!timed.length) return panel("By day", make("p", { class: "dim" }, "Nothing with a trusted time."));
  const dayOf = (each) => Math.floor((each.at + FACTS.utcOffsetMin * 60) / DAY);
  const days = timed.map(dayOf);
  const first = days.reduce((a, b) => Math.min(a, b));
  const last = days.reduce((a, b) => Math.max(a, b));
  const step = Math.ceil((last - first + 1) / BARS);
  const values = Array(Math.ceil((last - first + 1) / step)).fill(0);
  for (const day of days) values[Math.floor((day - first) / step)]++;
  const dated = (place) => new Date((first + place * step) * DAY * 1000).toISOString().slice(0, 10);
  const pick = (place) => {
    const end = first + (place + 1) * step;
    const found = shown.findIndex((each) => each.clock !== "none" && dayOf(each) < end);
    if (found >= 0) move(found);
  };
  const ends = last === first ? [dated(0)] : [dated(0), new Date(last * DAY * 1000).toISOString().slice(0, 10)];
  const title = step > 1 ? `By day, ${step} days a bar` : "By day";
  return panel(title, ...bars(values, dated, ends, pick));
}

function list(pairs) {
  const rows = pairs.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, String(value))]);
  return make("dl", { class: "list" }, ...rows);
}

function discards() {
  const all = sum(Object.values(FACTS.counted.sequences));
  const blanks = FACTS.counted.sequences.blank ?? 0;
  const sample = ALL.filter((each) => each.verdict === "audit");
  const whole = sample.filter((each) => each.frames?.some(([path]) => !path.endsWith(".preview.jpg")));
  const share = (part, of) => (of ? `${part} (${percent(part / of)})` : String(part));
  return panel("Discards", list([
    ["sequences", all],
    ["judged blank", share(blanks, all)],
    ["of these drawn for audit", share(FACTS.counted.audit, blanks)],
    ["of these with full pictures here", whole.length],
    ["of these answered by you", sample.filter((each) => answers.has(each.stem)).length],
  ]));
}

function line([name, unit, read, digits]) {
  const points = FACTS.status.map((each) => [each.at, read(each)]).filter(([, value]) => value !== null);
  if (!points.length) return make("div", {}, name, make("p", { class: "dim" }, "never measured"));
  const values = points.map(([, value]) => value);
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  const begin = points[0][0];
  const length = Math.max(1, points.at(-1)[0] - begin);
  const path = points.map(([at, value]) =>
    `${(((at - begin) / length) * 100).toFixed(2)},${(high === low ? 50 : 95 - ((value - low) / (high - low)) * 90).toFixed(1)}`);
  const chart = svg("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", class: "line" });
  if (path.length === 1) path.push(path[0].replace(/^[^,]*/, "100"));
  chart.append(svg("polyline", { points: path.join(" "), "vector-effect": "non-scaling-stroke" }));
  const say = (value) => `${value.toFixed(digits)} ${unit}`;
  const told = `${say(low)} to ${say(high)}, last ${say(values.at(-1))}`;
  const days = points.length > 1 ? [begin, points.at(-1)[0]] : [begin];
  const axis = days.map((at) => make("span", {}, local(at).slice(0, 10)));
  const reading = make("div", { class: "reading" }, make("span", {}, name), make("span", { class: "dim" }, told));
  return make("div", {}, reading, chart, make("div", { class: "axis" }, ...axis));
}

function health() {
  if (!FACTS.status.length) {
    return panel("Unit", make("p", { class: "dim" }, "No status report on this card."));
  }
  const faults = FACTS.status.flatMap((each) => each.faults.concat(each.card === "ok" ? [] : `CARD ${each.card}`));
  const told = [...counts(faults)].map(([name, count]) => `${name.toLowerCase()} (${count})`).join(", ");
  return panel("Unit", make("div", { class: "lines" }, ...HEALTH.map(line)),
    make("p", { class: "dim" }, `Faults, in ${FACTS.status.length} status report${FACTS.status.length > 1 ? "s" : ""}: ${told || "none"}.`));
}

function clock() {
  const trust = counts(ALL.map((each) => each.clock));
  const rows = [["network", "set by a network"], ["rtc", "by its battery clock"], ["none", "not trusted"]]
    .map(([name, words]) => [words, trust.get(name) ?? 0]);
  const remarks = Object.entries(FACTS.remarks)
    .map(([remark, count]) => make("p", { class: "dim" }, `${count} sequences ${remark}`));
  return panel("Clock of the sequences", list(rows), ...remarks);
}

function charts(sequences) {
  const timed = sequences.filter((each) => each.clock !== "none");
  find("panels").replaceChildren(byHour(timed), byDay(timed), discards(), clock(), health());
}

function figures() {
  const label = (test) => ALL.filter(test).length;
  const told = [
    ["sequences", ALL.length],
    ["targets", label((each) => each.verdict === "target")],
    ["kept", label((each) => !discarded(each))],
    ["blank", label(discarded)],
    ["pictures", sum(ALL.map((each) => each.frames?.length ?? 0))],
  ];
  find("figures").replaceChildren(...told.map(([name, value]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, value.toLocaleString("en")))));
  const minutes = Math.abs(FACTS.utcOffsetMin);
  const two = (value) => String(value).padStart(2, "0");
  const zone = `UTC${FACTS.utcOffsetMin < 0 ? "−" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
  const times = ALL.filter((each) => each.clock !== "none").map((each) => each.at);
  const ends = [Math.min, Math.max].map((of) => times.length && local(times.reduce((a, b) => of(a, b))).slice(0, 10));
  find("span").textContent = (times.length ? `${[...new Set(ends)].join(" to ")}, ` : "") + `times are ${zone}, newest first`;
}
