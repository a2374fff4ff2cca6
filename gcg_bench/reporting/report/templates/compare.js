/* Pictures of a comparison: reference, A and B beside each other, drawn when they become visible. */
const KINDS = JSON.parse($("kinds").textContent);
const APART = new Set(["hallucinated", "missed"]);
const NAMES = ["Reference", "A", "B"];

const stateOf = (phrase) => { const kind = KINDS[phrase.kind]; return kind === undefined || kind === "matched" ? "" : APART.has(kind) ? "apart" : "near"; };

/** The elements of one side: its title, its canvas, its caption. */
function sideOf(scene, side) {
  const { caption, phrases } = scene.record.sides[side];
  const canvas = make("canvas", { role: "img", "aria-label": `${NAMES[side]}: ${phrases.filter((p) => p.mask !== null).map((p) => `${p.number} ${nameOf(p).slice(0, 60)}`).join(", ") || "no masks"}` });
  const frame = make("div", { class: "frame" }, canvas);
  const words = make("p", { class: "caption", dir: "auto" });
  const nodes = [];
  const add = (text, at) => {
    const phrase = phrases[at], light = (on) => () => lightUp(scene, on ? { side, number: phrase.number } : null);
    const node = make("span", { class: `phrase ${stateOf(phrase)} c${colour(phrase.number)}`, tabindex: 0, role: "note", onpointerenter: light(true), onpointerleave: light(false), onfocus: light(true), onblur: light(false) },
      make("span", { class: `badge c${colour(phrase.number)}` }, String(phrase.number)), text);
    nodes.push({ node, number: phrase.number });
    words.append(node);
  };
  for (const [text, at] of caption) { if (at < 0) words.append(text); else add(text, at); }
  const missing = phrases.map((_, at) => at).filter((at) => !caption.some((piece) => piece[1] === at));
  if (!caption.length && !missing.length) words.append(make("span", { class: "muted" }, "nothing"));
  for (const at of missing) { words.append(" "); add(nameOf(phrases[at]), at); }
  return { canvas, frame, nodes, masks: null, element: make("div", { class: `stage of${side}` }, make("h4", null, NAMES[side]), frame, words) };
}

/** Whether a phrase is lit. A number up to that of the last reference phrase means this phrase on all sides; a larger number belongs to one side. */
const isSame = (scene, side, number) => {
  const { lit } = scene;
  return lit !== null && lit.number === number && (lit.side === side || number <= scene.record.sides[0].phrases.length);
};

function lightUp(scene, lit) {
  scene.lit = lit;
  scene.sides.forEach((one, side) => one.nodes.forEach(({ node, number }) => node.classList.toggle("lit", isSame(scene, side, number))));
  drawScene(scene);
}

function drawScene(scene) {
  const { record, picture } = scene, [height, width] = record.size;
  scene.sides.forEach((one, side) => {
    const { phrases } = record.sides[side], isLit = (at) => isSame(scene, side, phrases[at].number);
    if (!one.frame.clientWidth) return;
    one.masks ||= phrases.map((phrase) => (phrase.mask === null ? null : decode(phrase.mask, height, width)));
    const looks = phrases.map((phrase, at) => ({ number: phrase.number, state: stateOf(phrase), lit: scene.lit ? (isLit(at) ? 1 : -1) : 0, masks: true, outlines: true }));
    paintSide(one.canvas, record, picture, one.masks, looks, [one.frame.clientWidth, 420]);
  });
}

function build(section) {
  const record = JSON.parse(section.querySelector(".record").textContent);
  const scene = { record, lit: null, picture: null, sides: [] };
  scene.sides = [0, 1, 2].map((side) => sideOf(scene, side));
  const panels = section.querySelector(".panels");
  panels.replaceChildren(...scene.sides.map((one) => one.element));
  if (record.picture) { scene.picture = new Image(); scene.picture.src = record.picture; }
  whenLoaded(scene.picture, () => drawScene(scene));
  new ResizeObserver(() => requestAnimationFrame(() => drawScene(scene))).observe(panels);
  section.querySelector(".save").addEventListener("click", () => {
    const all = scene.sides.map((one, side) => ({ title: NAMES[side], phrases: record.sides[side].phrases, masks: one.masks || [], pieces: record.sides[side].caption, stateOf }));
    save(`${fileName(section.dataset.id)}.svg`, sceneText(all, record.picture, record.size, section.dataset.id).text, "image/svg+xml");
  });
}

const sight = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) { sight.unobserve(entry.target); build(entry.target); }
}, { rootMargin: "600px" });
for (const section of document.querySelectorAll(".scene")) sight.observe(section);
