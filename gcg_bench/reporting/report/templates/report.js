"use strict";
/* The page's script. Data come from the JSON in this page; text only ever becomes text nodes. */
(() => {
  const $ = (id) => document.getElementById(id);
  const index = JSON.parse($("index").textContent);
  const sources = document.getElementsByClassName("record");
  const total = index.ids.length;
  const KINDS = index.kinds.map((kind) => kind.name); // empty without a diagnosis
  const DIAGNOSED = KINDS.length > 0, HAS_IMAGES = $("images") !== null;
  const ANSWERS = index.answers.kinds; // empty where no expression is asked for
  const { captions: CAPTIONS, masks: MASKS } = index.parts;
  const ONE = index.noun === "queries" ? "query" : "image";
  const APART = new Set(["hallucinated", "missed"]);
  const COLOURS = ["#e69f00", "#56b4e9", "#009e73", "#e5d432", "#0072b2", "#d55e00", "#cc79a7"];
  const DARK_INK = "#14161a", LIGHT_INK = "#ffffff", BLUE = 4;
  const ROW = 76, THUMB_W = 80, THUMB_H = 60;

  /* ---- small tools ---- */

  /** An element with attributes, classes and children; strings become text. */
  function make(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === false || value === null || value === undefined) continue;
      if (name === "class") node.className = value;
      else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  }

  function use(symbol, kind) {
    const space = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(space, "svg");
    svg.setAttribute("class", kind);
    svg.setAttribute("aria-hidden", "true");
    const inner = document.createElementNS(space, "use");
    inner.setAttribute("href", `#${symbol}`);
    svg.append(inner);
    return svg;
  }

  const mark = (kind) => use(`mark-${kind}`, `mark k-${kind}`);
  const title = (kind) => index.kinds[KINDS.indexOf(kind)].title;
  const bdi = (text) => make("bdi", null, text);
  const plural = (count, one) => `${count.toLocaleString("en")} ${one}${count === 1 ? "" : "s"}`;
  const entries = (count) => `${count.toLocaleString("en")} ${count === 1 ? ONE : index.noun}`;
  const colour = (number) => (number - 1) % COLOURS.length;

  /** The least recently used entries leave when there are more than `most`. */
  class Memory {
    constructor(most, create) { this.most = most; this.create = create; this.kept = new Map(); }
    get(key) {
      let value = this.kept.get(key);
      if (value === undefined) value = this.create(key); else this.kept.delete(key);
      this.kept.set(key, value);
      if (this.kept.size > this.most) this.kept.delete(this.kept.keys().next().value);
      return value;
    }
  }

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

  function whenLoaded(picture, action) {
    if (!picture || picture.complete) action(); else picture.addEventListener("load", action, { once: true });
  }

  /* ---- masks: COCO's run lengths ---- */

  /** Run lengths down the columns, zeros first (COCO API, rleFrString). */
  function runLengths(counts) {
    const runs = [];
    let at = 0;
    while (at < counts.length) {
      let value = 0, shift = 0, code;
      do {
        code = counts.charCodeAt(at++) - 48;
        value |= (code & 31) << shift;
        shift += 5;
      } while (code & 32);
      if (code & 16 && shift < 32) value |= -1 << shift;
      if (runs.length > 2) value += runs[runs.length - 2];
      runs.push(value);
    }
    return runs;
  }

  /** A mask as bytes row by row, its area, where its number stands, and its outline. */
  function decode(counts, height, width) {
    const bits = new Uint8Array(height * width);
    let place = 0, value = 0, area = 0;
    for (const run of runLengths(counts)) {
      if (value) {
        area += run;
        for (let k = place; k < place + run; k++) bits[(k % height) * width + ((k / height) | 0)] = 1;
      }
      place += run;
      value ^= 1;
    }
    return { bits, area, anchor: anchor(bits, height, width), path: trace(bits, height, width) };
  }

  /** The middle of the rows of pixels that are about the longest: inside, with room for a number. */
  function anchor(bits, height, width) {
    const rows = [];
    let longest = 0;
    for (let y = 0; y < height; y++) {
      let start = -1, best = 0, x = 0;
      for (let column = 0; column <= width; column++) {
        const inside = column < width && bits[y * width + column];
        if (inside && start < 0) start = column;
        if (!inside && start >= 0) {
          if (column - start > best) { best = column - start; x = (start + column) / 2; }
          start = -1;
        }
      }
      if (best) rows.push({ best, x, y: y + 0.5 });
      longest = Math.max(longest, best);
    }
    const wide = rows.filter((row) => row.best >= 0.9 * longest);
    return wide.length ? wide[wide.length >> 1] : { x: 0, y: 0 };
  }

  /**
   * The outline as a path. Edges between pixels are followed with the mask on the right; corners are
   * cut through the middles of edges, so stairs become slopes.
   */
  function trace(bits, height, width) {
    const span = width + 1;
    const leaving = new Uint8Array(span * (height + 1)); // bit d: an edge leaves in direction d
    const step = [1, span, -1, -span]; // right, down, left, up
    const dx = [1, 0, -1, 0], dy = [0, 1, 0, -1];
    const starts = [];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const p = y * width + x;
        if (!bits[p]) continue;
        const v = y * span + x;
        if (y === 0 || !bits[p - width]) { leaving[v] |= 1; starts.push(v); }
        if (x === width - 1 || !bits[p + 1]) leaving[v + 1] |= 2;
        if (y === height - 1 || !bits[p + width]) leaving[v + span + 1] |= 4;
        if (x === 0 || !bits[p - 1]) leaving[v + span] |= 8;
      }
    }
    const path = new Path2D();
    for (const start of starts) {
      if (!(leaving[start] & 1)) continue;
      let v = start, direction = 0, first = true;
      do {
        leaving[v] &= ~(1 << direction);
        const x = v % span, y = (v / span) | 0;
        v += step[direction];
        let next = -1;
        for (const turn of [1, 0, 3]) {
          const candidate = (direction + turn) & 3;
          if (leaving[v] & (1 << candidate)) { next = candidate; break; }
        }
        if (first) { path.moveTo(x + dx[direction] / 2, y + dy[direction] / 2); first = false; }
        if (next !== direction) {
          path.lineTo(x + dx[direction] / 2, y + dy[direction] / 2);
          if (next >= 0) path.lineTo((v % span) + dx[next] / 2, ((v / span) | 0) + dy[next] / 2);
        }
        direction = next;
      } while (direction >= 0);
      path.closePath();
    }
    return path;
  }

  const decoded = new Memory(4, (image) => {
    const record = records.get(image);
    const [height, width] = record.size;
    return record.sides.map((side) =>
      side.phrases.map((phrase) => (phrase.mask === null ? null : decode(phrase.mask, height, width))));
  });

  /** Paints a mask's runs on a small field of pixels, without decoding it whole. */
  function paintSmall(field, wide, high, counts, height, width, rgb) {
    let place = 0, value = 0;
    for (const run of runLengths(counts)) {
      if (value) {
        const first = (place / height) | 0, last = ((place + run - 1) / height) | 0;
        const from = Math.floor((first * wide) / width), to = Math.min(wide - 1, Math.floor((last * wide) / width));
        for (let x = from; x <= to; x++) {
          const column = Math.floor(((x + 0.5) * width) / wide);
          if (column < first || column > last) continue;
          const top = column === first ? place - first * height : 0;
          const end = column === last ? place + run - last * height : height;
          for (let y = Math.floor((top * high) / height); y * height < end * high && y < high; y++) {
            const middle = ((y + 0.5) * height) / high;
            if (middle < top || middle >= end) continue;
            const p = 4 * (y * wide + x);
            const below = field[p + 3] ? 0.45 : 0;
            for (let k = 0; k < 3; k++) field[p + k] = (field[p + k] * below + rgb[k] * (1 - below)) | 0;
            field[p + 3] = 255;
          }
        }
      }
      place += run;
      value ^= 1;
    }
  }

  const rgbOf = (number) => {
    const hex = COLOURS[colour(number)];
    return [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
  };

  /* ---- what is shown ---- */

  const shown = { masks: true, outlines: true, numbers: true, reference: true };
  const search = $("search"), kindChoice = $("kind"), sortChoice = $("sort"), rangeChoice = $("range");
  const low = $("low"), high = $("high"), list = $("list"), rail = $("rail"), viewer = $("viewer");
  let order = [], image = -1, ascending = true, texts = null;
  let pointed = null, focused = null, pinned = null; // {side, phrase}
  let active = null; // the first of them that is
  let parts = null; // elements of the open image
  let allScores = false;

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
    if (index.seconds.some((value) => value !== null)) sortChoice.append(option("seconds", "seconds"));
    sortChoice.append(option("order", "order of the data set"), option("id", "id"));
    reset();
  }

  function reset() {
    search.value = kindChoice.value = rangeChoice.value = low.value = high.value = "";
    sortChoice.value = index.worst >= 0 ? `metric${index.worst}` : DIAGNOSED ? "mistakes" : "order";
    ascending = true;
  }

  /** What images are sorted by: key of an image, whether more is worse, and words for both ways. */
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

  function arrange() {
    const { key, down, ways } = sorting();
    const sign = down === ascending ? -1 : 1;
    const keep = passes();
    order = [];
    for (let k = 0; k < total; k++) if (keep(k)) order.push(k);
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
    $("count").textContent = order.length === total ? all : `${order.length.toLocaleString("en")} of ${all}`;
    $("bounds").hidden = rangeChoice.value === "";
    rail.style.height = `${order.length * ROW}px`;
    list.scrollTop = 0;
    drawList(true);
    if (order.length && !order.includes(image)) open(order[0], false);
    else if (image >= 0) headline();
  }

  /* ---- the list: only rows in sight exist ---- */

  const rows = new Map();

  function drawList(anew) {
    if (anew) {
      rail.replaceChildren();
      rows.clear();
      if (!order.length) rail.append(make("p", { class: "nothing" }, `No ${ONE} is like that.`));
    }
    const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 3);
    const last = Math.min(order.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + 3);
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
    const canvas = make("canvas", { width: THUMB_W * 2, height: THUMB_H * 2, "aria-hidden": "true" });
    const row = make(
      "div",
      { class: "row", role: "option", id: `row${place}`, "aria-posinset": place + 1, "aria-setsize": order.length,
        "aria-label": `${index.ids[k].slice(0, 200)}, ${score ? `${index.metrics[metric].label} ${score}, ` : ""}${counts.join(", ") || (MASKS ? "no phrases" : says.slice(0, 160))}`,
        title: counts.join(", "), onclick: () => { open(k, true); list.focus({ preventScroll: true }); } },
      canvas, make("span", { class: "id" }, bdi(index.ids[k].slice(0, 200))), make("span", { class: "score" }, score),
      make("span", { class: "says", dir: "auto" }, says.slice(0, 160)), DIAGNOSED ? tally : null,
    );
    row.style.top = `${place * ROW}px`;
    whenLoaded(pictures.get(k), () => requestAnimationFrame(() => { if (row.isConnected) drawThumb(canvas, k); }));
    return row;
  }

  function drawThumb(canvas, k) {
    const record = records.get(k), picture = pictures.get(k);
    const [height, width] = record.size;
    const scale = Math.min((2 * THUMB_W) / width, (2 * THUMB_H) / height);
    const wide = Math.max(1, Math.round(width * scale)), tall = Math.max(1, Math.round(height * scale));
    const left = Math.floor((2 * THUMB_W - wide) / 2), top = Math.floor((2 * THUMB_H - tall) / 2);
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
    const top = place * ROW;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
  }

  const written = (metric, k) => {
    const value = index.values[metric][k];
    return value === null ? "–" : (value * index.metrics[metric].factor).toFixed(1);
  };

  /* ---- the open image ---- */

  function open(k, remember) {
    image = k;
    active = pointed = focused = pinned = null;
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
    if (remember) history.replaceState(null, "", address(k));
    $("panes").classList.remove("listing");
  }

  /** What is asked: an expression with what its answer is, or a region of the picture. */
  function asked(record) {
    const region = record.regions.length ? make("p", { class: "asked muted" }, "What is asked about lies in the dashed box.") : null;
    if (!record.asked) return region === null ? [] : [region];
    const { words, kind, mistake, iou } = record.asked;
    const verdict = make("span", { class: `verdict ${mistake ? "wrong" : "right"}` }, kind);
    const overlap = iou === null ? null : make("span", { class: "muted" }, ` IoU ${iou.toFixed(2)}`);
    return [make("p", { class: "asked" }, make("b", null, "Expression "), bdi(words), " ", verdict, overlap), ...(region === null ? [] : [region])];
  }

  const askedShort = ({ words, kind, mistake }) => (mistake ? `${kind}: ${words}` : words);

  /** The image's own scores; the chosen one and the main ones first in sight. */
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
    all.append(make("li", { class: "bare" }, button));
    return all;
  }

  const address = (k) => `#image=${encodeURIComponent(wellFormed(index.ids[k]))}`;
  /* half a surrogate pair cannot be written into an address */
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
    canvas.addEventListener("click", (event) => pin(under(event, side)));
    return { stage, frame, canvas, words, nodes };
  }

  const nameOf = (phrase) => (phrase.text === null ? "(no words)" : phrase.text || "(empty)");
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
    const x = Math.floor((event.offsetX / canvas.clientWidth) * width), y = Math.floor((event.offsetY / canvas.clientHeight) * height);
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

  /** The phrase on the other side that this one was matched with or came near to. */
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
    return make("div", { class: "scroll" }, make("table", { class: "reckoning" },
      make("caption", { class: "unseen" }, "Every phrase and what it was counted as"),
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
    return make("div", { class: "scroll" }, make("table", { class: "reckoning" },
      make("caption", { class: "unseen" }, "Every phrase"),
      make("thead", null, make("tr", null, heading("Side"), heading("Phrase"), heading("Masks", true), heading("Confidence", true))), body));
  }

  /* ---- drawing ---- */

  const stripes = new Map();

  function stripesOf(hex, dots) {
    const key = hex + dots;
    if (!stripes.has(key)) {
      const side = Math.round(10 * dots), tile = make("canvas", { width: side, height: side }), pen = tile.getContext("2d");
      pen.strokeStyle = hex;
      pen.lineWidth = 0.32 * side;
      for (const shift of [-side, 0, side]) { pen.beginPath(); pen.moveTo(shift - 1, side + 1); pen.lineTo(shift + side + 1, -1); pen.stroke(); }
      stripes.set(key, tile);
    }
    return stripes.get(key);
  }

  function drawStages() {
    if (!parts || !parts.pair.isConnected) return;
    const partner = partnerOf(active);
    parts.stages.forEach(({ frame, canvas }, side) => {
      if (!frame.clientWidth) return;
      const [height, width] = parts.record.size;
      const room = Math.max(240, Math.round(innerHeight * 0.52));
      const scale = Math.min(frame.clientWidth / width, room / height);
      const wide = Math.max(1, Math.round(width * scale)), tall = Math.max(1, Math.round(height * scale));
      const dots = Math.min(3, devicePixelRatio || 1);
      if (canvas.width !== Math.round(wide * dots) || canvas.height !== Math.round(tall * dots)) {
        canvas.width = Math.round(wide * dots);
        canvas.height = Math.round(tall * dots);
        canvas.style.width = `${wide}px`;
        canvas.style.height = `${tall}px`;
      }
      drawStage(canvas, side, canvas.width / width, dots, partner);
    });
  }

  function drawStage(canvas, side, scale, dots, partner) {
    const pen = canvas.getContext("2d"), picture = pictures.get(image);
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    if (picture && picture.naturalWidth) pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const masks = decoded.get(image)[side], phrases = MASKS ? parts.record.sides[side].phrases : [];
    const isLit = (phrase) => same({ side, phrase }, active) || same({ side, phrase }, partner);
    const drawn = phrases.map((_, at) => at).filter((at) => masks[at] && masks[at].area)
      .sort((a, b) => isLit(a) - isLit(b) || masks[b].area - masks[a].area);
    for (const at of drawn) drawMask(pen, phrases[at], masks[at], scale, dots, active ? (isLit(at) ? 1 : -1) : 0);
    strokeRegions(pen, parts.record.regions, scale, dots);
    if (shown.numbers) for (const at of drawn) if (!active || isLit(at)) drawNumber(pen, phrases[at], masks[at], scale, dots);
  }

  /** The boxes that a query asks about: dark and light dashes, seen on any picture. */
  function strokeRegions(pen, regions, scale, dots) {
    for (const [x0, y0, x1, y1] of regions) {
      const box = [x0 * scale, y0 * scale, (x1 - x0) * scale, (y1 - y0) * scale];
      pen.lineWidth = 2 * dots;
      pen.strokeStyle = DARK_INK;
      pen.strokeRect(...box);
      pen.setLineDash([6 * dots, 6 * dots]);
      pen.strokeStyle = LIGHT_INK;
      pen.strokeRect(...box);
      pen.setLineDash([]);
    }
  }

  /** One mask; `lit` is 1 when it is pointed at, -1 when another is, else 0. */
  function drawMask(pen, phrase, mask, scale, dots, lit) {
    const hex = COLOURS[colour(phrase.number)], apart = stateOf(phrase);
    const path = new Path2D();
    path.addPath(mask.path, new DOMMatrix([scale, 0, 0, scale, 0, 0]));
    if (shown.masks || lit > 0) {
      const alpha = lit > 0 ? 0.62 : lit < 0 ? 0.1 : 0.45;
      pen.fillStyle = hex;
      pen.globalAlpha = alpha;
      if (apart !== "") {
        pen.globalAlpha = alpha * 0.3;
        pen.fill(path, "evenodd");
        pen.globalAlpha = Math.min(1, alpha * 1.7);
        pen.fillStyle = pen.createPattern(stripesOf(hex, dots), "repeat");
      }
      pen.fill(path, "evenodd");
    }
    if (shown.outlines || lit > 0) {
      pen.globalAlpha = lit < 0 ? 0.25 : 1;
      pen.lineJoin = "round";
      pen.setLineDash([]);
      pen.strokeStyle = "rgb(0 0 0 / 60%)";
      pen.lineWidth = (lit > 0 ? 5.2 : 3.8) * dots;
      pen.stroke(path);
      pen.setLineDash(apart === "" ? [] : apart === "near" ? [9 * dots, 4 * dots] : [3 * dots, 3.5 * dots]);
      pen.strokeStyle = hex;
      pen.lineWidth = (lit > 0 ? 3.2 : 2.2) * dots;
      pen.stroke(path);
      pen.setLineDash([]);
    }
    pen.globalAlpha = 1;
  }

  function drawNumber(pen, phrase, mask, scale, dots) {
    const text = String(phrase.number), at = colour(phrase.number);
    pen.font = `700 ${11.5 * dots}px system-ui, sans-serif`;
    const wide = Math.max(18 * dots, pen.measureText(text).width + 10 * dots), high = 18 * dots;
    const x = Math.min(Math.max(mask.anchor.x * scale, wide / 2 + 1), pen.canvas.width - wide / 2 - 1);
    const y = Math.min(Math.max(mask.anchor.y * scale, high / 2 + 1), pen.canvas.height - high / 2 - 1);
    pen.beginPath();
    pen.roundRect(x - wide / 2, y - high / 2, wide, high, high / 2);
    pen.fillStyle = COLOURS[at];
    pen.fill();
    pen.lineWidth = 1.4 * dots;
    pen.strokeStyle = "rgb(0 0 0 / 70%)";
    pen.stroke();
    pen.fillStyle = at === BLUE ? LIGHT_INK : DARK_INK;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText(text, x, y + 0.5 * dots);
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

  /** Follows the address: a part's name, or an image. */
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
      j: () => walk(1), ArrowRight: () => walk(1), k: () => walk(-1), ArrowLeft: () => walk(-1),
      "/": () => search.focus(), "?": () => $("help").showModal(), Escape: letGo,
      m: () => toggle("masks"), o: () => toggle("outlines"), n: () => toggle("numbers"), r: () => toggle("reference"),
      ...(inList ? { ArrowDown: () => walk(1), ArrowUp: () => walk(-1), Home: () => order.length && open(order[0], true), End: () => order.length && open(order[order.length - 1], true) } : {}),
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
})();
