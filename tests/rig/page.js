// Uses a dump's page as a person would; its value is what it found, for `tests/rig/page.py`.
(async () => {
  const found = {};
  const later = async () => {
    for (let n = 0; n < 3; n++) await new Promise(requestAnimationFrame);
    await new Promise((done) => setTimeout(done, 50));
  };
  const press = async (key) => {
    const at = document.activeElement ?? document.body;
    at.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    await later();
  };
  const cards = () => [...document.querySelectorAll(".card")];
  const fits = () => document.documentElement.scrollWidth <= innerWidth;
  let csv;
  URL.createObjectURL = (blob) => { csv = blob; return "#"; };
  answers.clear();
  await Promise.all([...document.images].map((each) => each.decode().catch(() => 0)));
  found.shown = shown.length;
  found.all = ALL.length;
  found.loaded = [...document.images].filter((each) => each.naturalWidth).length;
  found.strangers = document.querySelectorAll("img[src=x]").length + (window.harmed ? 1 : 0);
  found.fits = fits();
  found.bars = document.querySelectorAll("rect").length;
  found.cards = cards().length;

  let slowest = 0;
  for (let step = 1; step <= 40; step++) { // From top to bottom.
    const began = performance.now();
    scrollTo(0, (document.body.scrollHeight * step) / 40);
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    slowest = Math.max(slowest, performance.now() - began);
  }
  found.slowestMs = Math.round(slowest);
  await later();
  found.cardsBelow = cards().length;
  found.lastIsThere = cards().some((each) => each.textContent.includes(local(shown.at(-1).at)));
  scrollTo(0, 0);
  await later();

  const often = (chip) => Number(chip.querySelector("i").textContent);
  const labels = [...document.querySelectorAll("#chips [value^='=']")]
    .filter((chip) => OFFERED.includes(chip.value.slice(1)))
    .sort((one, other) => often(other) - often(one));
  labels[0].focus(); // As a mouse does; Enter opens the viewer all the same.
  labels[0].click();
  await later();
  found.label = labels[0].value.slice(1);
  found.chosen = shown.length;
  found.others = shown.filter((each) => each.label !== found.label).length;
  await press("ArrowRight");
  found.moved = current;
  await press("ArrowLeft");
  await press("Enter");
  found.opened = find("viewer").open;
  found.viewerFits = fits() && find("viewer").scrollWidth <= innerWidth;
  await press("?");
  found.helped = find("help").open;
  await press("?");
  found.helped &&= !find("help").open;
  await press("2");
  found.onward = current;
  await press("y");
  await press("b");
  await press("Backspace");
  await press("Escape");
  found.closed = !find("viewer").open;
  found.remembered = JSON.parse(localStorage.getItem(REMEMBERED)).length;
  find("chips").querySelector("[value=kept]").click();
  answers.set(shown.at(-1).stem, 'a "strange", one');
  await press("s");
  found.csv = await csv.text();
  await later();
  return found;
})()
