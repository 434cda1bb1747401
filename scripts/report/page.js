"use strict";
// The error browser. All text of the data reaches the page by textContent alone.
const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("errors-data").textContent);
const form = byId("filters");
const [list, status, before, after] = ["list", "status", "before", "after"].map(byId);
const PAGE = 25;
const EXACT = "exact";
// Controls that reorder text are shown by their numbers, so that nothing hides.
const REORDERING = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
let [found, page] = [[], 0];

function element(name, text, className) {
  const made = document.createElement(name);
  const number = (one) => `⟨U+${one.charCodeAt(0).toString(16).padStart(4, "0")}⟩`;
  made.textContent = text.replace(REORDERING, number);
  if (className) made.className = className;
  return made;
}

/** Return what a pair is, in words: "missed ORG", "LOC as PER (boundary_only)". */
function described([kind, gold, predicted]) {
  const name = data.kinds[kind];
  if (!gold || !predicted) return `${name} ${gold || predicted}`;
  return gold === predicted ? `${gold} (${name})` : `${gold} as ${predicted} (${name})`;
}

/** Return how sure a pipeline is of a prediction, in words; "" where that is not known. */
const sure = ([, , , confidence]) => (confidence === null ? "" : `, ${Math.round(100 * confidence)} % sure`);

/** Return how often a kind of error occurs: with one variant, or with all. */
function frequency(type, variant) {
  const counts = data.types[type][3];
  return variant < 0 ? counts.reduce((sum, count) => sum + count) : counts[variant];
}

/** Find the places with a pair that passes all filters, the commonest type of such a pair first. */
function find() {
  const wanted = Object.fromEntries(new FormData(form));
  const chosen = data.variants.indexOf(wanted.variant);
  const [low, high] = (wanted.confidence || "0").split(/\D+/).map(Number);
  const passes = ([variant, type, seen, confidence]) => {
    const [kind, gold, predicted] = data.types[type];
    return (
      (chosen < 0 || variant === chosen) &&
      (wanted.kind ? data.kinds[kind] === wanted.kind : data.kinds[kind] !== EXACT) &&
      (!wanted.label || gold === wanted.label || predicted === wanted.label) &&
      (!wanted.seen || data.seen[seen] === wanted.seen) &&
      (!wanted.confidence || (confidence !== null && 100 * confidence >= low && 100 * confidence <= high))
    );
  };
  const often = data.types.map((_, type) => frequency(type, chosen));
  found = [];
  for (const place of data.places) {
    const types = place.pairs.filter(passes).map(([, type]) => type);
    if (!types.length) continue;
    const type = types.reduce((best, one) => (often[one] > often[best] ? one : best));
    found.push({ place, type, often: often[type] });
  }
  found.sort((one, two) => two.often - one.often || one.type - two.type);
}

/** Return the text with a mark around each entity. gold: what predictions are held against; null for gold. */
function marked(place, entities, gold) {
  const line = element("bdi", "");
  line.dir = "auto";
  const right = gold && new Set(gold.map(String));
  const characters = [...place.text]; // offsets count code points, as Python's do
  const part = (from, to) => characters.slice(from, to).join("");
  let end = 0;
  line.append(place.cut[0] ? "… " : "");
  for (const entity of entities) {
    const [start, stop, label] = entity;
    line.append(element("span", part(end, start)));
    const far = stop <= place.at[0] || start >= place.at[1];
    const as = far ? "far" : !right ? "" : right.has(String(entity)) ? "same" : "other";
    const mark = element("mark", part(start, stop), as);
    mark.append(element("span", label, "label"));
    line.append(mark);
    end = stop;
  }
  line.append(element("span", part(end)), place.cut[1] ? " …" : "");
  return line;
}

function shown({ place, type, often }) {
  const item = element("li", "");
  const lines = element("dl", "");
  const add = (name, entities, gold) => {
    const [term, text] = [element("dt", name), element("dd", "")];
    text.append(marked(place, entities, gold));
    lines.append(term, text);
  };
  add("gold", place.gold, null);
  data.variants.forEach((name, variant) => {
    const pairs = place.pairs.filter(([one]) => one === variant);
    const wrong = pairs.filter(([, type]) => data.kinds[data.types[type][0]] !== EXACT);
    const said = wrong.map((pair) => described(data.types[pair[1]]) + sure(pair));
    const right = `right${pairs.map(sure).join("")}`;
    add(`${name}: ${said.join("; ") || right}`, place.predicted[variant], place.gold);
  });
  const seen = [...new Set(place.pairs.map(([, , one]) => data.seen[one]))].join(", ");
  item.append(element("h3", `${described(data.types[type])}, ${often.toLocaleString("en")} ×`));
  item.append(element("code", place.source), " ", element("small", seen && `in train: ${seen}`), lines);
  return item;
}

function show() {
  const pages = Math.max(1, Math.ceil(found.length / PAGE));
  page = Math.min(Math.max(page, 0), pages - 1);
  list.replaceChildren(...found.slice(page * PAGE, (page + 1) * PAGE).map(shown));
  list.start = page * PAGE + 1;
  status.textContent = `${found.length.toLocaleString("en")} places, page ${page + 1} of ${pages}`;
  before.disabled = page === 0;
  after.disabled = page === pages - 1;
}

function turn(by) {
  page += by;
  show();
  byId("errors").scrollIntoView();
}

form.addEventListener("change", () => {
  const wanted = [...new FormData(form)].filter(([, value]) => value);
  history.replaceState(null, "", `#${new URLSearchParams(wanted)}`);
  page = 0;
  find();
  show();
});
before.addEventListener("click", () => turn(-1));
after.addEventListener("click", () => turn(1));
// A link may hold filters: index.html#kind=missed&label=ORG
for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
  const field = form.elements.namedItem(name);
  if (field && [...field.options].some((option) => option.value === value)) field.value = value;
}
find();
show();
