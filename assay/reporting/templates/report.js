"use strict";
// The page is complete without this script; it adds search, filters, copying and the readout of the charts.
document.documentElement.classList.add("js");

const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));

// Findings: search box and class chips together decide what is shown.
const box = document.getElementById("find");
if (box) {
  const items = all("#findings [data-terms]");
  const chips = all(".chip[data-tone]");
  const shown = document.querySelector(".shown");
  const update = () => {
    const wanted = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    const tones = new Set(chips.filter((chip) => chip.getAttribute("aria-pressed") === "true").map((chip) => chip.dataset.tone));
    let count = 0;
    for (const item of items) {
      const fits = tones.has(item.dataset.tone) && wanted.every((word) => item.dataset.terms.includes(word));
      item.hidden = !fits;
      count += fits;
    }
    shown.textContent = count === items.length ? "" : `${count} of ${items.length} shown`;
  };
  box.addEventListener("input", update);
  for (const chip of chips) {
    chip.addEventListener("click", () => {
      chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
      update();
    });
  }
}

// Tables of rules and keywords.
for (const input of all("input.narrow")) {
  const rows = all(`#${input.dataset.table} tbody tr`);
  input.addEventListener("input", () => {
    const wanted = input.value.toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
}

// A link to a finding opens its card.
const reveal = () => {
  const card = location.hash.startsWith("#F-") && document.getElementById(location.hash.slice(1));
  if (card) {
    card.querySelector("details").open = true;
    card.scrollIntoView();
  }
};
addEventListener("hashchange", reveal);
reveal();

// Copying. From a file:// page the clipboard may be refused: then the text is selected instead.
for (const button of all("button.copy")) {
  button.addEventListener("click", async () => {
    const code = button.closest(".snippet").querySelector("code");
    const more = button.dataset.more ? document.getElementById(button.dataset.more).textContent : "";
    try {
      await navigator.clipboard.writeText(code.textContent + more);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}

// Charts: the values of the second under the pointer.
for (const figure of all(".chart")) {
  const points = JSON.parse(figure.dataset.points);
  const area = figure.querySelector(".area");
  const cross = figure.querySelector(".cross");
  const readout = figure.querySelector(".readout");
  const first = points[0][0];
  const span = points[points.length - 1][0] - first;
  const ms = (value) => (value === null ? "–" : `${Number(value.toPrecision(3))} ms`);
  area.addEventListener("pointermove", (event) => {
    const frame = area.getBoundingClientRect();
    const second = first + span * Math.min(Math.max((event.clientX - frame.left) / frame.width, 0), 1);
    const point = points.reduce((best, each) => (Math.abs(each[0] - second) < Math.abs(best[0] - second) ? each : best));
    const [at, requests, errors, p50, p95, p99] = point;
    cross.style.left = `${(100 * (at - first)) / span}%`;
    cross.style.display = "block";
    readout.textContent = `${at - first} s: p50 ${ms(p50)}, p95 ${ms(p95)}, p99 ${ms(p99)}, ${Math.round(requests)}/s, ${errors} errors`;
  });
  area.addEventListener("pointerleave", () => {
    cross.style.display = "none";
    readout.textContent = "";
  });
}

// Paper cannot be clicked: open what a reader needs, but not hundreds of cards.
addEventListener("beforeprint", () => {
  for (const fold of all(".card > details").slice(0, 50)) fold.open = true;
});
