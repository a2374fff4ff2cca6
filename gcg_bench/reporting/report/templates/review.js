/* The review of an annotation: one phrase at a time, decided with keys. The page sends nothing; decisions are saved as files. */
const { name: NAME, items: ITEMS, records: RECORDS } = JSON.parse($("review").textContent);
const EXACT = JSON.parse($("exact").textContent);
const SAID = { accept: "accepted", reject: "rejected", rename: "renamed", wrong_mask: "wrong mask", missing: "missing", withdrawn: "withdrawn" };
const STORE = ["gcg-bench review", EXACT.recipe, EXACT.result, EXACT.sample.size, EXACT.sample.seed].join(" ");
const REFUSED = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;

const decisions = new Map(); // of phrases and images, by key
const history = []; // [key, the decision before, the item that was shown]
const state = { order: ITEMS.map((_, at) => at), place: 0, since: 0, others: false, hidden: false, saved: true, kept: true };
const pictures = new Memory(40, (at) => { const made = new Image(); made.src = RECORDS[at].picture; return made; });
const masksOf = new Memory(40, (at) => [...RECORDS[at].phrases, ...RECORDS[at].others].map((phrase) => (phrase.mask === null ? null : decode(phrase.mask, ...RECORDS[at].size))));

const keyOf = (image, phrase) => JSON.stringify([image, phrase]);
const current = () => ITEMS[state.order[state.place]];
const lackOf = (item) => { const said = decisions.get(keyOf(EXACT.images[item.record].id, null)); return said?.verdict === "missing" ? said : undefined; };
const keyOfItem = (item) => keyOf(EXACT.images[item.record].id, item.phrase);
const isDecided = (item) => (decisions.get(keyOfItem(item))?.verdict ?? "withdrawn") !== "withdrawn";
const decided = (items) => items.filter(isDecided).length;
const sampled = ITEMS.filter((item) => item.drawn >= 0);
const tell = (text) => { $("status").textContent = text; };

function documentOf() {
  const { images, ...head } = EXACT;
  return { ...head, reviewer: $("reviewer").value.trim(), decisions: [...decisions.values()] };
}

/** Keeps the decisions in the browser, where it permits that. */
function keep() {
  try { localStorage.setItem(STORE, JSON.stringify(documentOf())); } catch { state.kept = false; }
  $("kept").textContent = state.kept ? "This browser stores your decisions." : "This browser stores nothing: save the decisions before you close the page.";
}

const SAMPLED = new Set(sampled.map(keyOfItem));
const CONTENTS = new Map(EXACT.images.map((image) => [image.id, image.content]));

/** The decision of a file for this page; null when its image has another caption or other masks now. */
function bound(decision, file, same) {
  const content = CONTENTS.get(decision.image);
  if (content === undefined) return same && file.version === EXACT.version ? decision : null;
  if (file.version === 1 ? !same : decision.content !== content) return null;
  const key = keyOf(decision.image, decision.phrase ?? null);
  return { ...decision, content, ...(Number.isInteger(decision.phrase) ? { sampled: SAMPLED.has(key) } : {}) };
}

/** Takes the decisions of a file or of the browser; returns how many are taken and left out, or why the file is refused. */
function take(text) {
  let made;
  try { made = JSON.parse(text); } catch { return { refused: "The file is not JSON." }; }
  if (made === null || typeof made !== "object" || made.format !== EXACT.format || ![1, EXACT.version].includes(made.version) || !Array.isArray(made.decisions)) return { refused: "The file holds no decisions of this version." };
  const same = made.result === EXACT.result && (made.version !== 1 || made.recipe === EXACT.recipe);
  if (made.sample?.size !== EXACT.sample.size || made.sample?.seed !== EXACT.sample.seed) return { refused: "The decisions are about another random sample." };
  if (!made.decisions.every((one) => one && typeof one.image === "string" && typeof one.verdict === "string" && Object.hasOwn(SAID, one.verdict))) return { refused: "A decision in the file is damaged." };
  const taken = made.decisions.map((one) => bound(one, made, same)).filter(Boolean);
  if (!taken.length && !same) return { refused: "The decisions are about another annotation, or about another state of this annotation." };
  for (const one of taken) decisions.set(keyOf(one.image, one.phrase ?? null), one);
  if (typeof made.reviewer === "string" && made.reviewer) $("reviewer").value = made.reviewer;
  return { taken: taken.length, left: made.decisions.length - taken.length };
}

function count() {
  $("progress").value = decided(ITEMS);
  $("count").textContent = `${decided(ITEMS)} of ${ITEMS.length}`;
  $("progress-sample").value = decided(sampled);
  $("count-sample").textContent = `${decided(sampled)} of ${sampled.length}`;
  $("undo").disabled = history.length === 0;
}

function set(key, decision) {
  history.push([key, decisions.get(key), current()]);
  if (decision) decisions.set(key, decision); else decisions.delete(key);
  state.saved = false;
  keep();
}

/** Notes a verdict about the phrase that is shown; returns what it says. */
function note(verdict, more = {}) {
  const item = current(), image = EXACT.images[item.record], [words, span] = image.phrases[item.phrase];
  const seconds = Math.min(3600, Math.round((performance.now() - state.since) / 100) / 10);
  set(keyOfItem(item), { image: image.id, content: image.content, phrase: item.phrase, words, span, verdict, ...more, sampled: item.drawn >= 0, seconds });
  return `${nameOf(RECORDS[item.record].phrases[item.phrase])}: ${SAID[verdict]}.`;
}

function decide(verdict, more = {}) {
  const said = note(verdict, more);
  if (!jump(said)) show(`${said} All phrases of this view are decided.`);
}

function missing(words) {
  const item = current(), { id, content } = EXACT.images[item.record];
  set(keyOf(id, null), { image: id, content, phrase: null, words: words ?? "", verdict: words === null ? "withdrawn" : "missing" });
  show(words === null ? "Nothing is missing in this image." : "Something is missing in this image.");
}

function undo() {
  if (!history.length) return tell("There is nothing to undo.");
  const [key, before, item] = history.pop();
  if (before) decisions.set(key, before); else decisions.delete(key);
  state.saved = false;
  keep();
  const place = state.order.findIndex((at) => ITEMS[at] === item);
  if (place >= 0) state.place = place;
  show("Undone.");
}

function move(step) {
  const place = state.place + step;
  if (place < 0 || place >= state.order.length) return tell(step < 0 ? "This is the first phrase." : "This is the last phrase.");
  state.place = place;
  show("");
}

/** Goes to the next undecided phrase, from the current one on and then from the first; false without one. */
function jump(said = "") {
  const total = state.order.length;
  for (let step = 1; step <= total; step++) {
    const place = (state.place + step) % total;
    if (!isDecided(ITEMS[state.order[place]])) { state.place = place; show(said); return true; }
  }
  tell("All phrases of this view are decided.");
  return false;
}

function view(which) {
  const item = current();
  $("view").value = which;
  state.order = ITEMS.map((_, at) => at);
  if (which === "sample") state.order = state.order.filter((at) => ITEMS[at].drawn >= 0).sort((a, b) => ITEMS[a].drawn - ITEMS[b].drawn);
  state.place = Math.max(0, state.order.findIndex((at) => ITEMS[at] === item));
  show(which === "sample" ? "The random sample, in the order in which it was drawn." : "All phrases: changed after a decision, then the least certain.");
}

function close() {
  for (const form of document.querySelectorAll(".entry")) form.hidden = true;
}

function open(form, field, words) {
  close();
  $(form).hidden = false;
  $(field).value = words;
  $(field).focus();
  $(field).select();
}

function captionOf(record, item) {
  const node = (text, at) => {
    const phrase = record.phrases[at], now = at === item.phrase;
    return make("span", { class: `phrase c${colour(phrase.number)}${now ? " current lit" : ""}`, "aria-current": now ? "true" : null }, make("span", { class: `badge c${colour(phrase.number)}` }, String(phrase.number)), text);
  };
  const parts = record.caption.map(([text, at]) => (at < 0 ? text : node(text, at)));
  const rest = record.phrases.map((_, at) => at).filter((at) => !record.caption.some((piece) => piece[1] === at));
  return [...parts, ...rest.flatMap((at) => [" ", node(nameOf(record.phrases[at]), at)])];
}

function draw() {
  const item = current(), record = RECORDS[item.record], room = $("frame").clientWidth;
  if (!room) return;
  const picture = record.picture ? pictures.get(item.record) : null;
  const others = record.others.map((phrase, k) => (state.others ? { number: record.phrases.length + k + 1, state: "near", lit: 0, masks: false, outlines: true } : null));
  const looks = record.phrases.map((phrase, at) => (state.hidden ? null : { number: phrase.number, state: "", lit: at === item.phrase ? 1 : -1, masks: at === item.phrase, outlines: true }));
  const paint = () => { if (current() === item) paintSide($("canvas"), record, picture, masksOf.get(item.record), [...looks, ...others], [room, Math.max(240, innerHeight * (innerWidth > 820 ? 0.63 : 0.42))]); };
  whenLoaded(picture, paint);
}

function chip(text, kind = "") { return make("li", { class: kind }, text); }

function show(said) {
  const item = current(), record = RECORDS[item.record], phrase = record.phrases[item.phrase];
  const decision = decisions.get(keyOfItem(item)), lacks = lackOf(item);
  close();
  state.since = performance.now();
  $("place").replaceChildren(`Phrase ${state.place + 1} of ${state.order.length}, image `, bdi(record.id));
  $("words").textContent = nameOf(phrase);
  const chips = [];
  if (decision) chips.push(chip(decision.verdict === "rename" ? `renamed: ${decision.new_words}` : SAID[decision.verdict], "said"));
  if (item.again) chips.push(chip("changed after a decision"));
  if (item.drawn >= 0) chips.push(chip("random sample"));
  if (item.least) chips.push(chip("least certain"));
  chips.push(chip(item.score < 0 ? "no object" : `confidence ${item.score.toFixed(2)}`));
  $("chips").replaceChildren(...chips);
  for (const button of document.querySelectorAll("[data-verdict]")) button.setAttribute("aria-pressed", String(decision?.verdict === button.dataset.verdict));
  $("caption").replaceChildren(...captionOf(record, item));
  $("is-missing").textContent = lacks ? `Missing in this image: ${lacks.words || "something"}` : "";
  $("why").textContent = record.why ? `No picture: ${record.why}` : "";
  $("canvas").setAttribute("aria-label", `${record.id}: the mask of ${nameOf(phrase)}${phrase.mask === null ? ", which has none" : ""}`);
  $("hide").setAttribute("aria-pressed", String(state.hidden));
  $("others").setAttribute("aria-pressed", String(state.others));
  count();
  draw();
  tell(said);
}

function saveFile() {
  const who = $("reviewer").value.trim();
  save(fileName(["decisions", NAME, who].filter(Boolean).join("-")) + ".json", JSON.stringify(documentOf(), null, 1), "application/json");
  state.saved = true;
  tell(`Saved ${decisions.size} decisions. Next: gcg-bench annotate apply DIR FILE.json`);
}

const exactWords = () => EXACT.images[current().record].phrases[current().phrase][0];
const toggleOthers = () => { state.others = !state.others; show(state.others ? "Objects that no phrase names are outlined." : ""); };
const toggleMasks = () => { state.hidden = !state.hidden; show(state.hidden ? "Masks are hidden." : "Masks are shown."); };
const askMissing = () => open("missing", "missing-words", lackOf(current())?.words ?? "");
const KEYS = {
  a: () => decide("accept"), r: () => decide("reject"), w: () => decide("wrong_mask"),
  e: () => open("rename", "new-words", decisions.get(keyOfItem(current()))?.new_words ?? exactWords()),
  m: askMissing, u: undo, x: () => show(note("withdrawn")), n: () => move(1), p: () => move(-1), arrowright: () => move(1), arrowleft: () => move(-1),
  j: () => jump(), o: toggleOthers, h: toggleMasks, v: () => view($("view").value === "all" ? "sample" : "all"), d: saveFile, i: () => $("file").click(), "?": () => $("help").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.closest?.(".entry")) { close(); tell(""); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || $("help").open || event.target.closest?.("input, select, textarea")) return;
  const key = event.key.toLowerCase();
  if (!Object.hasOwn(KEYS, key) || (key.length === 1 && !$("letters").checked)) return;
  event.preventDefault();
  KEYS[key]();
});

for (const button of document.querySelectorAll("[data-verdict]")) button.addEventListener("click", KEYS[{ accept: "a", reject: "r", rename: "e", wrong_mask: "w" }[button.dataset.verdict]]);
for (const [id, key] of [["previous", "p"], ["next", "n"], ["jump", "j"], ["undo", "u"], ["withdraw", "x"], ["miss", "m"], ["others", "o"], ["hide", "h"], ["save", "d"], ["load", "i"], ["open-help", "?"]]) $(id).addEventListener("click", KEYS[key]);
for (const button of document.querySelectorAll(".cancel")) button.addEventListener("click", close);
$("nothing").addEventListener("click", () => missing(null));
$("rename").addEventListener("submit", (event) => {
  event.preventDefault();
  const words = $("new-words").value.trim();
  if (!words) return tell("Type the new words, or reject the phrase.");
  if (words === exactWords()) return tell("These are the old words; accept the phrase instead.");
  if (REFUSED.test(words)) return tell("The words hold a character that cannot be written in a caption.");
  return decide("rename", { new_words: words });
});
$("missing").addEventListener("submit", (event) => { event.preventDefault(); missing($("missing-words").value.trim()); });
$("tools").addEventListener("submit", (event) => event.preventDefault());
$("view").addEventListener("change", () => view($("view").value));
$("reviewer").addEventListener("change", keep);
$("file").addEventListener("change", async () => {
  const [file] = $("file").files;
  if (!file) return;
  const { refused, taken, left } = take(await file.text());
  $("file").value = "";
  if (refused) return tell(refused);
  keep();
  return show(`Loaded ${taken} decisions.${left ? ` ${left} are left out: the picture, caption or masks of their images are not those of this page.` : ""}`);
});
addEventListener("beforeunload", (event) => { if (!state.kept && !state.saved) event.preventDefault(); });
new ResizeObserver(() => requestAnimationFrame(draw)).observe($("frame"));

try { const before = localStorage.getItem(STORE); if (before) take(before); } catch { state.kept = false; }
keep();
show(decisions.size ? `${decisions.size} earlier decisions are loaded.` : "");
