/* The page's script. Data come from the JSON in this page; text becomes text nodes and nothing else. */
const index = JSON.parse($("index").textContent);
const sources = document.getElementsByClassName("record");
const total = index.ids.length;
const KINDS = index.kinds.map((kind) => kind.name); // empty without a diagnosis
const DIAGNOSED = KINDS.length > 0, HAS_IMAGES = $("images") !== null;
const ANSWERS = index.answers.kinds; // empty when the task asks for no expression
const { captions: CAPTIONS, masks: MASKS } = index.parts;
const ONE = index.noun === "queries" ? "query" : "image";
const APART = new Set(["hallucinated", "missed"]);
const ROW = { high: 76, thumb: [80, 60] }, CELL = { high: 204, wide: 176, thumb: [208, 150] };
const MOST_ZOOM = 12, TABS = 46, NUMBERS = 5;

/* ---- small tools ---- */

const mark = (kind) => use(`mark-${kind}`, `mark k-${kind}`);
const title = (kind) => index.kinds[KINDS.indexOf(kind)].title;
const plural = (count, one) => `${count.toLocaleString("en")} ${one}${count === 1 ? "" : "s"}`;
const entries = (count) => `${count.toLocaleString("en")} ${count === 1 ? ONE : index.noun}`;

const records = new Memory(80, (image) => {
  const record = JSON.parse(sources[image].textContent);
  if (record.pictureOf === undefined) return record;
  const { picture, why } = records.get(record.pictureOf);
  return { ...record, picture, why };
});
const pictures = new Memory(60, (image) => {
  const address = records.get(image).picture;
  if (!address) return null;
  const picture = new Image();
  picture.src = address;
  return picture;
});

const decoded = new Memory(4, (image) => {
  const record = records.get(image);
  const [height, width] = record.size;
  return record.sides.map((side) =>
    side.phrases.map((phrase) => (phrase.mask === null ? null : decode(phrase.mask, height, width))));
});

/* ---- what is shown ---- */

const shown = { masks: true, outlines: true, numbers: true, reference: true };
const search = $("search"), kindChoice = $("kind"), sortChoice = $("sort"), rangeChoice = $("range");
const low = $("low"), high = $("high"), list = $("list"), rail = $("rail"), viewer = $("viewer");
const classChoice = $("class"), sizeChoice = $("size");
const RANGES = ["iou", "agreement"].map((name, at) => ({ at: 3 + at, low: $(`${name}-low`), high: $(`${name}-high`), said: $(`${name}-said`) }));
let order = [], image = -1, ascending = true, texts = null;
let pointed = null, focused = null, pinned = null; // {side, phrase}
let active = null; // the first of these three that is set
let parts = null; // elements of the open image
let allScores = false, gridded = false;
const view = { zoom: 1, x: 0.5, y: 0.5 }; // of both pictures; x, y: the middle, as shares of the picture

const mistakes = (k) => KINDS.reduce(
  (sum, kind, at) => sum + (kind === "matched" ? 0 : index.predicted[at][k] + (kind === "missed" ? index.reference[at][k] : 0)), 0);
const ofKind = (at, k) => (KINDS[at] === "missed" ? index.reference[at][k] : index.predicted[at][k]);

function fillChoices() {
  const option = (value, text) => make("option", { value }, text);
  kindChoice.append(option("", `all ${index.noun}`));
  if (DIAGNOSED) kindChoice.append(option("any", "with any mistake"), option("none", "without a mistake"));
  KINDS.forEach((kind, at) => kindChoice.append(option(`kind${at}`, `with ${title(kind)}`)));
  ANSWERS.forEach((kind, at) => { if (index.answers.of.includes(at)) kindChoice.append(option(`answer${at}`, kind)); });
  if (index.failed.some(Boolean)) kindChoice.append(option("failed", "that failed"));
  rangeChoice.append(option("", "any score"));
  index.metrics.forEach((metric, at) => {
    sortChoice.append(option(`metric${at}`, metric.label));
    rangeChoice.append(option(String(at), metric.label));
  });
  if (DIAGNOSED) sortChoice.append(option("mistakes", "number of mistakes"));
  KINDS.forEach((kind, at) => sortChoice.append(option(`kind${at}`, `number of ${title(kind)}`)));
  const { classes, counts, sizes, of } = index.phrases;
  const known = (at) => of.some((numbers) => numbers.some((value, place) => place % NUMBERS === at && value >= 0));
  classChoice.append(option("", "any class"));
  classes.forEach((name, at) => classChoice.append(option(String(at), `${name} (${counts[at]})`)));
  sizeChoice.append(option("", "any size"));
  sizes.forEach((name, at) => sizeChoice.append(option(String(at), name)));
  for (const { at, low } of RANGES) low.closest(".range").hidden = !known(at);
  $("more-phrases").hidden = !classes.length && !known(2);
  if (index.seconds.some((value) => value !== null)) sortChoice.append(option("seconds", "seconds"));
  sortChoice.append(option("order", "order of the data set"), option("id", "id"));
  reset();
}

function reset() {
  search.value = kindChoice.value = rangeChoice.value = low.value = high.value = classChoice.value = sizeChoice.value = "";
  for (const range of RANGES) { range.low.value = 0; range.high.value = 100; }
  sortChoice.value = index.worst >= 0 ? `metric${index.worst}` : DIAGNOSED ? "mistakes" : "order";
  ascending = true;
}

/** The order of images: the key of an image, whether more is worse, and words for both directions. */
function sorting() {
  const choice = sortChoice.value;
  if (choice.startsWith("metric")) {
    const at = Number(choice.slice(6));
    return { key: (k) => index.values[at][k], down: index.metrics[at].lower, ways: ["worst first", "best first"] };
  }
  if (choice.startsWith("kind")) {
    const at = Number(choice.slice(4));
    return { key: (k) => ofKind(at, k), down: true, ways: ["most first", "fewest first"] };
  }
  if (choice === "mistakes") return { key: mistakes, down: true, ways: ["most first", "fewest first"] };
  if (choice === "seconds") return { key: (k) => index.seconds[k], down: true, ways: ["slowest first", "fastest first"] };
  if (choice === "id") return { key: (k) => index.ids[k], down: false, ways: ["a to z", "z to a"] };
  return { key: (k) => k, down: false, ways: ["first to last", "last to first"] };
}

function passes() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length && !texts) texts = index.texts.map((text, k) => `${index.ids[k]}\n${text}`.toLowerCase());
  const choice = kindChoice.value, at = choice.startsWith("kind") ? Number(choice.slice(4)) : -1;
  const answer = choice.startsWith("answer") ? Number(choice.slice(6)) : -1;
  const metric = rangeChoice.value === "" ? -1 : Number(rangeChoice.value);
  const bound = (field, none) => {
    const value = parseFloat(field.value.replace(",", "."));
    return Number.isNaN(value) ? none : value / index.metrics[metric].factor;
  };
  const least = metric < 0 ? 0 : bound(low, -Infinity) - 1e-9, most = metric < 0 ? 0 : bound(high, Infinity) + 1e-9;
  return (k) => {
    if (at >= 0 && !(index.predicted[at][k] + index.reference[at][k])) return false;
    if (answer >= 0 && index.answers.of[k] !== answer) return false;
    if (choice === "failed" && !index.failed[k]) return false;
    if (choice === "any" && !mistakes(k)) return false;
    if (choice === "none" && mistakes(k)) return false;
    if (metric >= 0) {
      const value = index.values[metric][k];
      if (value === null || value < least || value > most) return false;
    }
    return words.every((word) => texts[k].includes(word));
  };
}

/**
 * A function that counts the phrases of an image that pass the filters of phrases; null without such a filter.
 * The chosen kind is a filter of phrases only when another one is set.
 */
function phraseFilter() {
  const wanted = [-1, sizeChoice.value, classChoice.value].map((value) => (value === "" ? -1 : Number(value)));
  const bounds = RANGES.filter(({ low, high }) => low.value > 0 || high.value < 100).map(({ at, low, high }) => [at, Number(low.value), Number(high.value)]);
  if (wanted.every((value) => value < 0) && !bounds.length) return null;
  if (kindChoice.value.startsWith("kind")) wanted[0] = Number(kindChoice.value.slice(4));
  return (k) => {
    const numbers = index.phrases.of[k];
    let count = 0;
    for (let at = 0; at < numbers.length; at += NUMBERS) {
      if (wanted.every((value, place) => value < 0 || numbers[at + place] === value)
        && bounds.every(([place, least, most]) => numbers[at + place] >= least && numbers[at + place] <= most)) count++;
    }
    return count;
  };
}

function sayRanges() {
  for (const { low, high, said } of RANGES) said.textContent = `${(low.value / 100).toFixed(2)} to ${(high.value / 100).toFixed(2)}`;
}

function arrange() {
  const { key, down, ways } = sorting();
  const sign = down === ascending ? -1 : 1;
  const keep = passes(), count = phraseFilter();
  let phrases = 0;
  order = [];
  for (let k = 0; k < total; k++) {
    const here = count === null ? 1 : count(k);
    if (here && keep(k)) { order.push(k); phrases += here; }
  }
  sayRanges();
  const keys = new Map(order.map((k) => [k, key(k)]));
  order.sort((a, b) => {
    const x = keys.get(a), y = keys.get(b);
    if (x === y) return a - b;
    if (x === null || y === null) return x === null ? 1 : -1;
    return (x < y ? -1 : 1) * sign;
  });
  const direction = $("direction");
  direction.lastElementChild.textContent = ways[ascending ? 0 : 1];
  direction.setAttribute("aria-pressed", String(!ascending));
  direction.querySelector("use").setAttribute("href", ascending ? "#sign-down" : "#sign-up");
  const all = entries(total);
  $("count").textContent = (order.length === total ? all : `${order.length.toLocaleString("en")} of ${all}`) + (count === null ? "" : `, ${plural(phrases, "phrase")}`);
  $("save-ids").textContent = `Ids of ${entries(order.length)}`;
  $("bounds").hidden = rangeChoice.value === "";
    list.scrollTop = 0;
  drawList(true);
  if (order.length && !order.includes(image)) open(order[0], false);
  else if (image >= 0) headline();
}

/* ---- the list: only visible rows have elements ---- */

const rows = new Map();
let laidOut = 0; // the number of columns when rows were made last

/** The present layout of rows or cells. */
function layout() {
  const columns = gridded ? Math.max(1, Math.floor(list.clientWidth / CELL.wide)) : 1;
  return { columns, high: gridded ? CELL.high : ROW.high, thumb: gridded ? CELL.thumb : ROW.thumb };
}

function drawList(anew) {
  const { columns, high } = layout();
  if (anew || columns !== laidOut) {
    rail.replaceChildren();
    rows.clear();
    laidOut = columns;
    rail.style.height = `${Math.ceil(order.length / columns) * high}px`;
    list.setAttribute("role", order.length ? "listbox" : "group");  // a list box has options
    if (!order.length) rail.append(make("p", { class: "nothing" }, `No ${ONE} is like that.`));
  }
  const first = Math.max(0, (Math.floor(list.scrollTop / high) - 3) * columns);
  const last = Math.min(order.length, (Math.ceil((list.scrollTop + list.clientHeight) / high) + 3) * columns);
  for (const [place, row] of rows) {
    if (place < first || place >= last) { row.remove(); rows.delete(place); }
  }
  for (let place = first; place < last; place++) {
    if (rows.has(place)) continue;
    const row = makeRow(place);
    rows.set(place, row);
    rail.append(row);
  }
  markSelected();
}

function makeRow(place) {
  const k = order[place];
  const record = records.get(k);
  const metric = sortChoice.value.startsWith("metric") ? Number(sortChoice.value.slice(6)) : index.worst;
  const score = metric < 0 ? "" : written(metric, k);
  const says = index.failed[k] ? record.error || "failed" : record.asked ? askedShort(record.asked) : record.sides[1].captions[0].map((piece) => piece[0]).join("");
  const tally = make("span", { class: "tally", "aria-hidden": "true" });
  const counts = [];
  KINDS.forEach((kind, at) => {
    const count = ofKind(at, k);
    if (!count) return;
    const part = make("i", { class: `k-${kind}` });
    part.style.flexGrow = count;
    tally.append(part);
    counts.push(`${count} ${title(kind)}`);
  });
  const predicted = record.sides[1].phrases.length;
  if (record.asked) counts.push(record.asked.kind);
  else if (!DIAGNOSED && MASKS && predicted) counts.push(plural(predicted, "phrase"));
  const { columns, high, thumb } = layout();
  const canvas = make("canvas", { width: thumb[0] * 2, height: thumb[1] * 2, "aria-hidden": "true" });
  const row = make(
    "div",
    { class: "row", role: "option", id: `row${place}`, "aria-posinset": place + 1, "aria-setsize": order.length,
      title: counts.join(", "), onclick: () => { setGrid(false); open(k, true); list.focus({ preventScroll: true }); } },
    canvas, make("span", { class: "id" }, bdi(index.ids[k].slice(0, 200))),
    make("span", { class: "score" }, make("span", { class: "unseen" }, score && `${index.metrics[metric].label} `), score),
    make("span", { class: "says", dir: "auto" }, says.slice(0, 160)),
    make("span", { class: "unseen" }, counts.join(", ")), DIAGNOSED ? tally : null,
  );
  row.style.top = `${Math.floor(place / columns) * high}px`;
  row.style.left = `${(100 * (place % columns)) / columns}%`;
  row.style.width = `${100 / columns}%`;
  whenLoaded(pictures.get(k), () => requestAnimationFrame(() => { if (row.isConnected) drawThumb(canvas, k); }));
  return row;
}

function drawThumb(canvas, k) {
  const record = records.get(k), picture = pictures.get(k);
  const [height, width] = record.size;
  const scale = Math.min(canvas.width / width, canvas.height / height);
  const wide = Math.max(1, Math.round(width * scale)), tall = Math.max(1, Math.round(height * scale));
  const left = Math.floor((canvas.width - wide) / 2), top = Math.floor((canvas.height - tall) / 2);
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  if (picture && picture.naturalWidth) pen.drawImage(picture, left, top, wide, tall);
  const field = pen.getImageData(left, top, wide, tall);
  for (const phrase of MASKS ? record.sides[1].phrases : []) {
    if (phrase.mask !== null) paintSmall(field.data, wide, tall, phrase.mask, height, width, rgbOf(phrase.number));
  }
  pen.putImageData(field, left, top);
  pen.translate(left, top);
  strokeRegions(pen, record.regions, wide / width, 1);
  pen.setTransform(1, 0, 0, 1, 0, 0);
}

function markSelected() {
  for (const [place, row] of rows) row.setAttribute("aria-selected", String(order[place] === image));
  const place = order.indexOf(image);
  if (rows.has(place)) list.setAttribute("aria-activedescendant", `row${place}`);
  else list.removeAttribute("aria-activedescendant");
}

function scrollTo(place) {
  const { columns, high } = layout(), top = Math.floor(place / columns) * high;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + high > list.scrollTop + list.clientHeight) list.scrollTop = top + high - list.clientHeight;
}

/** Pictures beside each other instead of a list and one open picture. */
function setGrid(on) {
  if (on === gridded) return;
  gridded = on;
  $("panes").classList.toggle("grid", on);
  $("toggle-grid").setAttribute("aria-pressed", String(on));
  drawList(true);
  if (order.includes(image)) scrollTo(order.indexOf(image));
  drawList(false);
  drawStages();
}

const written = (metric, k) => {
  const value = index.values[metric][k];
  return value === null ? "–" : (value * index.metrics[metric].factor).toFixed(1);
};

/* ---- the open image ---- */

function open(k, remember) {
  image = k;
  active = pointed = focused = pinned = null;
  Object.assign(view, { zoom: 1, x: 0.5, y: 0.5 });
  const record = records.get(k);
  const [reference, prediction] = [0, 1].map((side) => makeSide(record, side));
  parts = { record, stages: [reference, prediction], link: make("div", { class: "link", "aria-live": "polite" }) };
  const says = CAPTIONS ? [reference.words, prediction.words] : [];
  parts.pair = MASKS
    ? make("div", { class: shown.reference ? "pair" : "pair alone" }, reference.stage, prediction.stage, parts.link, ...says)
    : make("div", { class: "pair worded" }, prediction.stage, reference.words, prediction.words);
  parts.table = DIAGNOSED ? mistakesTable(record) : MASKS ? phrasesTable(record) : make("div", { hidden: true });
  viewer.replaceChildren(
    chips(record, k),
    ...asked(record),
    ...(record.error === null ? [] : [make("p", { class: "failure", role: "note" }, make("b", null, "Failed: "), bdi(record.error))]),
    parts.pair, parts.table, ...rawText(record));
  headline();
  describeActive();
  drawStages();
  whenLoaded(pictures.get(k), () => { if (image === k) drawStages(); });
  if (order.includes(k)) scrollTo(order.indexOf(k));
  drawList(false);
  if (remember) {
    history.replaceState(null, "", address(k));
    if (!gridded && $("images").getBoundingClientRect().top > innerHeight / 4) scrollIntoPlace();
  }
  $("panes").classList.remove("listing");
}

/** The elements of the question: the expression with the kind of its answer, and a sentence on the region. */
function asked(record) {
  const region = record.regions.length ? make("p", { class: "asked muted" }, "The question is about the dashed box.") : null;
  if (!record.asked) return region === null ? [] : [region];
  const { words, kind, mistake, iou } = record.asked;
  const verdict = make("span", { class: `verdict ${mistake ? "wrong" : "right"}` }, kind);
  const overlap = iou === null ? null : make("span", { class: "muted" }, ` IoU ${iou.toFixed(2)}`);
  return [make("p", { class: "asked" }, make("b", null, "Expression "), bdi(words), " ", verdict, overlap), ...(region === null ? [] : [region])];
}

const askedShort = ({ words, kind, mistake }) => (mistake ? `${kind}: ${words}` : words);

/** The scores of an image; at first only the chosen score and the main ones are visible. */
function chips(record, k) {
  const chosen = sortChoice.value.startsWith("metric") ? Number(sortChoice.value.slice(6)) : -1;
  const items = index.metrics.map((one, at) => {
    const kind = [at === chosen ? "on" : "", at === chosen || one.main ? "" : "minor"].join(" ");
    return make("li", { class: kind }, `${one.label} `, make("b", null, written(at, k)));
  });
  if (record.seconds !== null) items.push(make("li", { class: "minor" }, make("b", null, record.seconds.toFixed(2)), " seconds"));
  const all = make("ul", { class: allScores ? "chips all" : "chips", "aria-label": `Scores of this ${ONE} alone` }, ...items);
  const button = make("button", { type: "button", class: "linkish", "aria-expanded": String(allScores), onclick: () => {
    allScores = all.classList.toggle("all");
    button.textContent = allScores ? "fewer scores" : "all scores";
    button.setAttribute("aria-expanded", String(allScores));
  } }, allScores ? "fewer scores" : "all scores");
  return make("div", { class: "chip-line" }, all, button);
}

const address = (k) => `#image=${encodeURIComponent(wellFormed(index.ids[k]))}`;
/* an address cannot contain half a surrogate pair */
const wellFormed = (text) => text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd");

function headline() {
  if (!parts) return;
  const place = order.indexOf(image);
  const where = place < 0 ? `not among the ${index.noun} that are shown` : `${(place + 1).toLocaleString("en")} of ${order.length.toLocaleString("en")}, ${$("direction").lastElementChild.textContent} by ${sortChoice.selectedOptions[0].textContent}`;
  const [height, width] = parts.record.full;
  $("previous").disabled = place <= 0 && order.length > 0;
  $("next").disabled = place >= 0 && place + 1 >= order.length;
  $("which").replaceChildren(
    make("h2", null, make("a", { href: address(image), title: `Link to this ${ONE}` }, bdi(index.ids[image].slice(0, 300)), use("sign-link", "sign"))),
    make("p", { class: "small muted" }, `${where} · ${width} × ${height}`));
}

function walk(by) {
  const place = order.indexOf(image);
  const next = place < 0 ? 0 : place + by;
  if (next >= 0 && next < order.length) open(order[next], true);
}

function rawText(record) {
  if (!record.raw) return [];
  const untidy = record.unpaired ? ` · ${plural(record.unpaired, "phrase tag")} without a partner` : "";
  return [make("details", { class: "more" }, make("summary", null, `The model's own text${untidy}`), make("p", { class: "code" }, record.raw))];
}

/** One side: its canvas, and its captions with the phrases in them. */
function makeSide(record, side) {
  const { captions, phrases } = record.sides[side];
  const name = side ? "Prediction" : "Reference";
  const canvas = make("canvas", { role: "img", "aria-label": `${name}: ${phrases.filter((p) => p.mask !== null).map((p) => `${p.number} ${nameOf(p).slice(0, 60)}`).join(", ") || "no masks"}` });
  const frame = make("div", { class: "frame" }, canvas);
  if (!record.picture) frame.append(make("p", { class: "note", title: record.why }, "No picture: masks on a blank canvas"));
  const stage = make("div", { class: `stage of${side}` }, make("h3", null, MASKS ? name : "Picture"), frame);
  const nodes = phrases.map(() => []);
  const caption = make("p", { class: "caption", dir: "auto" });
  for (const [text, at] of captions[0]) {
    if (at < 0) caption.append(text);
    else caption.append(phraseNode(record, side, at, text, nodes));
  }
  if (!captions[0].length) caption.append(make("span", { class: "muted" }, "no caption"));
  const words = make("div", { class: `says-all of${side}` }, make("h3", null, `${name}'s caption`), caption);
  const missing = phrases.map((_, at) => at).filter((at) => !nodes[at].length);
  if (missing.length && MASKS) {
    words.append(make("p", { class: "elsewhere" }, "not in the caption: ",
      ...missing.map((at) => phraseNode(record, side, at, nameOf(phrases[at]), nodes))));
  }
  if (captions.length > 1) {
    words.append(make("details", { class: "more", open: !MASKS }, make("summary", null, plural(captions.length - 1, "more reference caption")),
      ...captions.slice(1).map((pieces) => make("p", { dir: "auto" }, pieces.map((piece) => piece[0]).join("")))));
  }
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerType === "touch") return;
    const what = under(event, side);
    if (!same(what, pointed)) point(what);
  });
  canvas.addEventListener("pointerleave", () => point(null));
  canvas.addEventListener("click", (event) => { if (!dragged) pin(under(event, side)); });
  zoomable(canvas);
  return { stage, frame, canvas, words, nodes };
}

const stateOf = (phrase) => { const kind = KINDS[phrase.kind]; return kind === undefined || kind === "matched" ? "" : APART.has(kind) ? "apart" : "near"; };
const badge = (phrase) => make("span", { class: `badge c${colour(phrase.number)}` }, String(phrase.number));

function phraseNode(record, side, at, text, nodes) {
  const phrase = record.sides[side].phrases[at], kind = KINDS[phrase.kind];
  const node = make("span",
    { class: `phrase ${stateOf(phrase)} c${colour(phrase.number)}`, role: "button", tabindex: 0, "aria-pressed": "false", "data-side": side, "data-phrase": at,
      onpointerenter: (event) => { if (event.pointerType !== "touch") point({ side, phrase: at }); },
      onpointerleave: (event) => { if (event.pointerType !== "touch") point(null); },
      onfocus: () => { if (node.matches(":focus-visible")) focus({ side, phrase: at }); },
      onblur: () => focus(null),
      onclick: () => pin({ side, phrase: at }),
      onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); pin({ side, phrase: at }); } } },
    badge(phrase), phrase.text ? text : make("span", { class: "wordless" }, text));
  if (kind !== undefined && kind !== "matched") node.append(mark(kind), make("span", { class: "unseen" }, ` (${title(kind)})`));
  nodes[at].push(node);
  return node;
}

/** The smallest mask under the pointer. */
function under(event, side) {
  const canvas = parts.stages[side].canvas, [height, width] = parts.record.size;
  const [across, down] = shareOf(event, canvas);
  const x = Math.floor(across * width), y = Math.floor(down * height);
  if (x < 0 || y < 0 || x >= width || y >= height) return null;
  let best = null, least = Infinity;
  decoded.get(image)[side].forEach((mask, phrase) => {
    if (mask && mask.bits[y * width + x] && mask.area < least) { best = { side, phrase }; least = mask.area; }
  });
  return best;
}

const same = (a, b) => (a === null ? b === null : b !== null && a.side === b.side && a.phrase === b.phrase);

function point(what) { pointed = what; relight(); }
function focus(what) { focused = what; relight(); }
/** Keeps a phrase lit until it or nothing is chosen again. */
function pin(what) { pinned = same(what, pinned) ? null : what; relight(); }
function letGo() { pointed = focused = pinned = null; relight(); }

/** Lights the phrase that is pointed at, has the focus or is pinned, and its partner. */
function relight() {
  active = pointed || focused || pinned;
  const partner = partnerOf(active);
  parts.stages.forEach(({ nodes }, side) => nodes.forEach((each, phrase) => each.forEach((node) => {
    const here = { side, phrase };
    node.classList.toggle("lit", same(here, active) || same(here, partner));
    node.classList.toggle("pinned", same(here, pinned));
    node.setAttribute("aria-pressed", String(same(here, pinned)));
  })));
  for (const row of parts.table.querySelectorAll("tr[data-side]")) {
    const here = { side: Number(row.dataset.side), phrase: Number(row.dataset.phrase) };
    row.classList.toggle("lit", same(here, active) || same(here, partner));
  }
  describeActive();
  drawStages();
}

/** The phrase on the other side that this phrase is matched with, or that explains its mistake; null without one. */
function partnerOf(what) {
  if (!what) return null;
  const phrase = parts.record.sides[what.side].phrases[what.phrase];
  if (APART.has(KINDS[phrase.kind]) || phrase.other < 0) return null;
  return { side: 1 - what.side, phrase: phrase.other };
}

function gauge(name, value) {
  if (value === null) return make("span", { class: "gauge" }, `${name}: no words`);
  const bar = make("i", { "aria-hidden": "true" });
  bar.style.setProperty("--share", `${Math.max(0, Math.min(1, value)) * 100}%`);
  return make("span", { class: "gauge" }, `${name} `, bar, make("b", null, value.toFixed(2)));
}

function describeActive() {
  if (!active) {
    parts.link.classList.add("idle");
    parts.link.replaceChildren(make("span", { class: "muted" },
      DIAGNOSED ? "Point at a phrase or a mask to light its partner on the other side." : "Point at a phrase or a mask to light it."));
    return;
  }
  parts.link.classList.remove("idle");
  const phrase = parts.record.sides[active.side].phrases[active.phrase], kind = KINDS[phrase.kind];
  const other = phrase.other < 0 ? null : parts.record.sides[1 - active.side].phrases[phrase.other];
  const named = (one) => [badge(one), bdi(nameOf(one).slice(0, 120))];
  const [left, right] = active.side ? [other, phrase] : [phrase, other];
  const ends = make("span", { class: "ends" });
  if (kind === undefined) ends.append(...named(phrase));
  else if (APART.has(kind)) ends.append(...named(phrase), ...(other ? [" closest: ", ...named(other)] : [" nothing on the other side"]));
  else ends.append(...named(left), " ↔ ", ...named(right));
  const extra = [phrase.masks === 0 ? "no mask" : phrase.masks > 1 ? `${phrase.masks} masks` : null, phrase.crowd ? "crowd" : null,
    phrase.score === null ? null : `confidence ${phrase.score.toFixed(2)}`].filter(Boolean).join(", ");
  parts.link.replaceChildren(
    ...(kind === undefined ? [] : [make("span", { class: `kind k-${kind}` }, mark(kind), title(kind))]), ends,
    ...(other ? [gauge("IoU", phrase.iou), gauge("agreement", phrase.agreement)] : []),
    ...(extra ? [make("span", { class: "muted" }, extra)] : []));
}

/** The table of every phrase: predicted ones first, then reference ones that were missed. */
function mistakesTable(record) {
  const [reference, predicted] = record.sides.map((side) => side.phrases);
  const body = make("tbody");
  const text = (phrase) => make("span", { class: "text" }, badge(phrase), bdi(nameOf(phrase).slice(0, 400)));
  const row = (phrase, side, at) => {
    const kind = KINDS[phrase.kind], other = phrase.other < 0 ? null : record.sides[1 - side].phrases[phrase.other];
    const mine = make("td", null, text(phrase));
    const its = make("td", null, other === null ? "–" : APART.has(kind) ? make("span", { class: "muted" }, "closest: ", bdi(nameOf(other).slice(0, 200))) : text(other));
    body.append(make("tr", { "data-side": side, "data-phrase": at,
      onpointerenter: () => point({ side, phrase: at }), onpointerleave: () => point(null), onclick: () => pin({ side, phrase: at }) },
    ...(side ? [mine, make("td", { class: "kind" }, mark(kind), ` ${title(kind)}`), its] : [its, make("td", { class: "kind" }, mark(kind), ` ${title(kind)}`), mine]),
    make("td", { class: "num" }, other === null ? "–" : phrase.iou.toFixed(2)),
    make("td", { class: "num" }, phrase.agreement === null ? "–" : phrase.agreement.toFixed(2)),
    make("td", { class: "num" }, phrase.score === null ? "–" : phrase.score.toFixed(2))));
  };
  predicted.map((phrase, at) => [phrase, at]).sort((a, b) => a[0].number - b[0].number).forEach(([phrase, at]) => row(phrase, 1, at));
  reference.forEach((phrase, at) => { if (KINDS[phrase.kind] === "missed") row(phrase, 0, at); });
  if (!body.children.length) body.append(make("tr", null, make("td", { colspan: 6, class: "muted" }, "No phrase on either side.")));
  const heading = (name, numeric) => make("th", { scope: "col", class: numeric ? "num" : null }, name);
  return make("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": "Phrases" }, make("table", { class: "reckoning" },
    make("caption", { class: "unseen" }, "Every phrase and its result"),
    make("thead", null, make("tr", null, heading("Predicted"), heading("Counted as"), heading("Reference"), heading("IoU", true), heading("Agreement", true), heading("Confidence", true))), body));
}

/** The table of every phrase without kinds: predicted ones first, then reference ones. */
function phrasesTable(record) {
  const body = make("tbody");
  const named = (phrase, side) => (!side && record.asked && !phrase.masks ? make("span", { class: "muted" }, "(no target)") : bdi(nameOf(phrase).slice(0, 400)));
  for (const side of [1, 0]) {
    record.sides[side].phrases.forEach((phrase, at) => body.append(make("tr", { "data-side": side, "data-phrase": at,
      onpointerenter: () => point({ side, phrase: at }), onpointerleave: () => point(null), onclick: () => pin({ side, phrase: at }) },
    make("td", null, side ? "prediction" : "reference"),
    make("td", null, make("span", { class: "text" }, badge(phrase), named(phrase, side))),
    make("td", { class: "num" }, String(phrase.masks)),
    make("td", { class: "num" }, phrase.score === null ? "–" : phrase.score.toFixed(2)))));
  }
  if (!body.children.length) body.append(make("tr", null, make("td", { colspan: 4, class: "muted" }, "No phrase on either side.")));
  const heading = (name, numeric) => make("th", { scope: "col", class: numeric ? "num" : null }, name);
  return make("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": "Phrases" }, make("table", { class: "reckoning" },
    make("caption", { class: "unseen" }, "Every phrase"),
    make("thead", null, make("tr", null, heading("Side"), heading("Phrase"), heading("Masks", true), heading("Confidence", true))), body));
}

/* ---- drawing ---- */

/** The largest height of the pictures with which they and their captions fit on one screen. */
function roomOf() {
  const words = Math.max(0, ...parts.stages.map((side) => (side.words.isConnected ? Math.min(side.words.offsetHeight, 0.36 * innerHeight) : 0)));
  const above = parts.stages[1].frame.getBoundingClientRect().top - $("images").getBoundingClientRect().top;
  const free = innerHeight - TABS - above - (MASKS ? words + parts.link.offsetHeight + 30 : 12);
  return Math.round(Math.max(190, 0.3 * innerHeight, Math.min(free, 0.72 * innerHeight)));
}

function drawStages() {
  if (!parts || !parts.pair.isConnected) return;
  const partner = partnerOf(active);
  const room = parts.stages[1].frame.clientWidth ? roomOf() : 0;
  parts.stages.forEach(({ frame, canvas }, side) => {
    if (!frame.clientWidth) return;
    const [height, width] = parts.record.size;
    const scale = Math.min(frame.clientWidth / width, room / height);
    const wide = Math.max(1, Math.round(width * scale)), tall = Math.max(1, Math.round(height * scale));
    const dots = Math.min(3, devicePixelRatio || 1);
    if (canvas.width !== Math.round(wide * dots) || canvas.height !== Math.round(tall * dots)) {
      canvas.width = Math.round(wide * dots);
      canvas.height = Math.round(tall * dots);
      canvas.style.width = `${wide}px`;
      canvas.style.height = `${tall}px`;
    }
    canvas.classList.toggle("zoomed", view.zoom > 1);
    drawStage(canvas, side, canvas.width / width, dots, partner);
  });
  $("zoom").textContent = `${Math.round(100 * view.zoom)}%`;
}

function drawStage(canvas, side, fitting, dots, partner) {
  const pen = canvas.getContext("2d"), picture = pictures.get(image), scale = fitting * view.zoom;
  const [x0, y0] = corner();
  const left = x0 * view.zoom * canvas.width, top = y0 * view.zoom * canvas.height;
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.setTransform(1, 0, 0, 1, -left, -top);
  if (picture && picture.naturalWidth) pen.drawImage(picture, 0, 0, canvas.width * view.zoom, canvas.height * view.zoom);
  const masks = decoded.get(image)[side], phrases = MASKS ? parts.record.sides[side].phrases : [];
  const isLit = (phrase) => same({ side, phrase }, active) || same({ side, phrase }, partner);
  const drawn = phrases.map((_, at) => at).filter((at) => masks[at] && masks[at].area)
    .sort((a, b) => isLit(a) - isLit(b) || masks[b].area - masks[a].area);
  for (const at of drawn) {
    const look = { number: phrases[at].number, state: stateOf(phrases[at]), lit: active ? (isLit(at) ? 1 : -1) : 0, masks: shown.masks, outlines: shown.outlines };
    drawMask(pen, look, masks[at], scale, dots);
  }
  strokeRegions(pen, parts.record.regions, scale, dots);
  const edge = [left, top, left + canvas.width, top + canvas.height];
  if (shown.numbers) for (const at of drawn) if (!active || isLit(at)) drawNumber(pen, phrases[at].number, masks[at], scale, dots, edge);
}

/* ---- zoom: both pictures show the same part ---- */

let dragged = false; // whether the pointer moved the picture since it went down

/** The left upper corner of the visible part, as shares of the picture's width and height. */
const corner = () => [view.x - 0.5 / view.zoom, view.y - 0.5 / view.zoom];

/** The position of an event in the picture, as shares of its width and height. */
function shareOf(event, canvas) {
  const [x0, y0] = corner();
  return [x0 + event.offsetX / canvas.clientWidth / view.zoom, y0 + event.offsetY / canvas.clientHeight / view.zoom];
}

function look(x, y) {
  const half = 0.5 / view.zoom, within = (value) => Math.min(1 - half, Math.max(half, value));
  view.x = within(x);
  view.y = within(y);
  drawStages();
}

/** Zooms; the place (x, y) of the picture stays where it is. */
function zoomBy(factor, x = view.x, y = view.y) {
  const before = view.zoom;
  view.zoom = Math.min(MOST_ZOOM, Math.max(1, before * factor));
  look(x + (view.x - x) * (before / view.zoom), y + (view.y - y) * (before / view.zoom));
}

function zoomable(canvas) {
  let down = null;
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoomBy(Math.exp(-event.deltaY / 240), ...shareOf(event, canvas));
  }, { passive: false });
  canvas.addEventListener("dblclick", (event) => {
    if (view.zoom > 1) zoomBy(1 / MOST_ZOOM); else zoomBy(3, ...shareOf(event, canvas));
  });
  canvas.addEventListener("pointerdown", (event) => {
    dragged = false;
    if (view.zoom > 1) { down = { x: event.clientX, y: event.clientY, from: [view.x, view.y] }; canvas.setPointerCapture(event.pointerId); }
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!down) return;
    const [across, along] = [event.clientX - down.x, event.clientY - down.y];
    if (Math.hypot(across, along) > 4) dragged = true;
    if (dragged) look(down.from[0] - across / canvas.clientWidth / view.zoom, down.from[1] - along / canvas.clientHeight / view.zoom);
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { down = null; });
}

/* ---- files to save ---- */

function sceneOf() {
  const { record } = parts;
  const panels = [0, 1].filter((side) => side || shown.reference).map((side) => ({
    title: side ? "Prediction" : "Reference", phrases: record.sides[side].phrases, masks: decoded.get(image)[side],
    pieces: CAPTIONS ? record.sides[side].captions[0] : [], stateOf,
  }));
  return sceneText(panels, record.picture, record.size, index.ids[image]);
}

function saveAs(what) {
  const name = fileName(index.ids[image] || "");
  if (what === "ids") save("ids.txt", order.map((k) => `${index.ids[k]}\n`).join(""), "text/plain");
  else if (what === "svg") save(`${name}.svg`, sceneOf().text, "image/svg+xml");
  else savePng(`${name}.png`, sceneOf());
  $("save").open = false;
}

/* ---- parts of the page, links, keys ---- */

const PARTS = ["images", "answers", "mistakes", "plots", "about"].filter((name) => $(name) !== null);

function show(part) {
  for (const name of PARTS) $(name).hidden = name !== part;
  for (const link of document.querySelectorAll(".tabs a")) {
    if (link.getAttribute("href") === `#${part}`) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  if (part === "images") { drawList(false); drawStages(); }
}

/** Shows the part or the image that the address names. */
function follow() {
  const hash = location.hash.slice(1);
  if (HAS_IMAGES && hash.startsWith("image=")) {
    show("images");
    let id = hash.slice(6);
    try { id = decodeURIComponent(id); } catch (error) { if (!(error instanceof URIError)) throw error; }
    const k = index.ids.findIndex((one) => wellFormed(one) === id);
    if (k >= 0 && k !== image) open(k, false);
    scrollIntoPlace();
  } else show(PARTS.includes(hash) ? hash : PARTS[0]);
}

function toggle(name) {
  shown[name] = !shown[name];
  $(`toggle-${name}`).setAttribute("aria-pressed", String(shown[name]));
  if (parts) parts.pair.classList.toggle("alone", !shown.reference);
  drawStages();
}

function toImages() {
  history.pushState(null, "", "#images");
  show("images");
  arrange();
  scrollIntoPlace();
}

const scrollIntoPlace = () => $("images").scrollIntoView({ block: "start" });

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  const typing = event.target.matches && event.target.matches("input, select, textarea");
  if (typing) { if (event.key === "Escape") event.target.blur(); return; }
  if ($("images").hidden) { if (event.key === "?") $("help").showModal(); return; }
  const inList = event.target === list;
  const act = {
    g: () => setGrid(!gridded), "+": () => zoomBy(1.5), "-": () => zoomBy(1 / 1.5), 0: () => zoomBy(1 / MOST_ZOOM),
    j: () => walk(1), ArrowRight: () => walk(1), k: () => walk(-1), ArrowLeft: () => walk(-1),
    "/": () => search.focus(), "?": () => $("help").showModal(), Escape: letGo,
    m: () => toggle("masks"), o: () => toggle("outlines"), n: () => toggle("numbers"), r: () => toggle("reference"),
    ...(inList ? { ArrowDown: () => walk(layout().columns), ArrowUp: () => walk(-layout().columns), Enter: () => setGrid(false), Home: () => order.length && open(order[0], true), End: () => order.length && open(order[order.length - 1], true) } : {}),
  }[event.key];
  if (act) { event.preventDefault(); act(); }
}

function theme() {
  const ways = ["system", "light", "dark"], button = $("theme"), root = document.documentElement;
  let way = "system";
  const kept = (action) => { try { return action(); } catch (error) { if (!(error instanceof DOMException)) throw error; return null; } };
  const apply = () => {
    if (way === "system") delete root.dataset.theme; else root.dataset.theme = way;
    button.lastElementChild.textContent = `Colours: ${way}`;
    button.setAttribute("aria-label", `Colours: ${way}`);
    if (HAS_IMAGES) { drawStages(); drawList(true); }
  };
  const before = kept(() => localStorage.getItem("gcg-bench-colours"));
  if (ways.includes(before)) way = before;
  button.addEventListener("click", () => {
    way = ways[(ways.indexOf(way) + 1) % ways.length];
    kept(() => localStorage.setItem("gcg-bench-colours", way));
    apply();
  });
  apply();
}

function listen() {
  let waiting = 0;
  const soon = () => { clearTimeout(waiting); waiting = setTimeout(arrange, 150); };
  for (const field of [search, low, high]) field.addEventListener("input", soon);
  for (const choice of [kindChoice, rangeChoice]) choice.addEventListener("change", arrange);
  sortChoice.addEventListener("change", () => { ascending = true; arrange(); });
  $("direction").addEventListener("click", () => { ascending = !ascending; arrange(); });
  $("reset").addEventListener("click", () => { reset(); arrange(); });
  $("tools").addEventListener("submit", (event) => { event.preventDefault(); arrange(); });
  $("previous").addEventListener("click", () => walk(-1));
  $("next").addEventListener("click", () => walk(1));
  $("show-list").addEventListener("click", () => { $("panes").classList.toggle("listing"); drawList(false); });
  $("more-tools").addEventListener("click", () => $("more-tools").setAttribute("aria-expanded", String($("tools").classList.toggle("more"))));
  $("toggle-grid").addEventListener("click", () => setGrid(!gridded));
  $("zoom-in").addEventListener("click", () => zoomBy(1.5));
  $("zoom-out").addEventListener("click", () => zoomBy(1 / 1.5));
  $("zoom").addEventListener("click", () => zoomBy(1 / MOST_ZOOM));
  for (const what of ["svg", "png", "ids"]) $(`save-${what}`).addEventListener("click", () => saveAs(what));
  $("save").addEventListener("keydown", (event) => { if (event.key === "Escape") { $("save").open = false; $("save").firstElementChild.focus(); } });
  addEventListener("click", (event) => { if (!$("save").contains(event.target)) $("save").open = false; });
  $("more-phrases").addEventListener("click", () => $("more-phrases").setAttribute("aria-expanded", String($("tools").classList.toggle("phrases"))));
  for (const choice of [classChoice, sizeChoice]) choice.addEventListener("change", arrange);
  for (const { low, high } of RANGES) {
    low.addEventListener("input", () => { if (Number(low.value) > Number(high.value)) high.value = low.value; sayRanges(); soon(); });
    high.addEventListener("input", () => { if (Number(high.value) < Number(low.value)) low.value = high.value; sayRanges(); soon(); });
  }
  $("open-help").addEventListener("click", () => $("help").showModal());
  for (const name of Object.keys(shown)) $(`toggle-${name}`).addEventListener("click", () => toggle(name));
  let queued = false;
  list.addEventListener("scroll", () => {
    if (queued) return;
    queued = true;
    requestAnimationFrame(() => { queued = false; drawList(false); });
  });
  new ResizeObserver(() => requestAnimationFrame(() => { drawStages(); drawList(false); })).observe(viewer);
  addEventListener("keydown", onKey);
  $("show-failed").addEventListener("click", () => { reset(); kindChoice.value = "failed"; toImages(); });
  document.querySelector("main").addEventListener("click", (event) => {
    const goal = event.target.closest("[data-image], [data-metric], button[data-kind], button[data-answer]");
    if (!goal) return;
    if (goal.dataset.image !== undefined) { location.hash = address(Number(goal.dataset.image)); scrollIntoPlace(); return; }
    reset();
    if (goal.dataset.answer !== undefined) kindChoice.value = `answer${goal.dataset.answer}`;
    else if (goal.dataset.kind !== undefined) {
      const at = KINDS.indexOf(goal.dataset.kind);
      kindChoice.value = `kind${at}`;
      if (goal.dataset.kind !== "matched") sortChoice.value = `kind${at}`;
    } else {
      const metric = Number(goal.dataset.metric), factor = index.metrics[metric].factor;
      rangeChoice.value = String(metric);
      sortChoice.value = `metric${metric}`;
      low.value = String(+(goal.dataset.low * factor).toFixed(4));
      high.value = String(+(goal.dataset.high * factor).toFixed(4));
    }
    toImages();
  });
}

$("theme").hidden = false;
addEventListener("hashchange", follow);
if (HAS_IMAGES) {
  $("tools").hidden = $("panes").hidden = false;
  $("show-failed").hidden = !index.failed.some(Boolean);
  for (const button of document.querySelectorAll(".follow")) button.hidden = false;
  fillChoices();
  listen();
}
show(PARTS[0]);
if (HAS_IMAGES) arrange();
theme();
follow();
