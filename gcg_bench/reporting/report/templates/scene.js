/* One image as a drawing of its own, for a paper: pictures with masks beside each other, words below. */
const SCENE = { wide: 480, tall: 420, gap: 16, size: 15, line: 25, badge: 9 };
const SCENE_FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif";

const measuring = document.createElement("canvas").getContext("2d");

function widthOf(text, size, weight = 400) {
  measuring.font = `${weight} ${size}px ${SCENE_FONT}`;
  return measuring.measureText(text).width;
}

/** An element of SVG; attributes that are null are left out, strings become text. */
function shape(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null) node.setAttribute(name, typeof value === "number" ? String(+value.toFixed(2)) : value);
  }
  node.append(...children);
  return node;
}

function sceneBadge(number, x, y) {
  const at = colour(number), text = String(number);
  const wide = Math.max(2 * SCENE.badge, widthOf(text, 11, 700) + 8);
  return shape("g", {},
    shape("rect", { x: x - wide / 2, y: y - SCENE.badge, width: wide, height: 2 * SCENE.badge, rx: SCENE.badge, fill: COLOURS[at], stroke: DARK_INK, "stroke-width": 0.8 }),
    shape("text", { x, y: y + 4, "text-anchor": "middle", "font-size": 11, "font-weight": 700, fill: at === BLUE ? LIGHT_INK : DARK_INK }, text));
}

/** The words of a side in lines of a width, from (x, y) on; returns the shapes and the height of the last line. */
function sceneWords(pieces, phrases, x, y, wide) {
  const shapes = [], space = widthOf(" ", SCENE.size);
  let at = 0, line = y;
  const turn = () => { at = 0; line += SCENE.line; };
  for (const [text, position] of pieces) {
    const phrase = position < 0 ? null : phrases[position];
    let run = null;
    const close = () => {
      if (run && run.text.trim()) {
        const width = widthOf(run.text, SCENE.size), hex = phrase && COLOURS[colour(phrase.number)];
        if (phrase) {
          shapes.push(shape("rect", { x: x + run.at - 2, y: line - 15, width: width + 4, height: 20, rx: 3, fill: hex, "fill-opacity": 0.25 }));
          shapes.push(shape("rect", { x: x + run.at - 2, y: line + 4, width: width + 4, height: 2.2, fill: hex }));
        }
        shapes.push(shape("text", { x: x + run.at, y: line, "font-size": SCENE.size, textLength: width, fill: DARK_INK }, run.text));
      }
      run = null;
    };
    if (phrase) {
      const first = widthOf(text.trim().split(/\s+/)[0] || "", SCENE.size);
      if (at > 0 && at + 2 * SCENE.badge + 5 + first > wide) turn();
      at += at > 0 ? 2 : 0;
      shapes.push(sceneBadge(phrase.number, x + at + SCENE.badge, line - 5));
      at += 2 * SCENE.badge + 5;
    }
    for (const word of text.match(/\s+|[^\s]+/g) || []) {
      if (/^\s/.test(word)) { if (run) run.text += " "; if (at > 0) at += space; continue; }
      const width = widthOf(word, SCENE.size);
      if (at > 0 && at + width > wide) { close(); turn(); }
      if (run) run.text += word; else run = { at, text: word };
      at += width;
    }
    close();
    if (phrase) at += 3; // space after the tint of a phrase
  }
  return { shapes, end: line };
}

/** The masks of a side on its picture, whose left upper corner is (x, y); `scale` is that of masks. */
function scenePicture(panel, address, x, y, [height, width], scale, patterns) {
  const clip = `clip${x}`, inner = shape("g", { "clip-path": `url(#${clip})` });
  const shapes = [
    shape("clipPath", { id: clip }, shape("rect", { x, y, width: width * scale, height: height * scale })),
    shape("rect", { x, y, width: width * scale, height: height * scale, fill: "#e9eaec" })];
  if (address) inner.append(shape("image", { x, y, width: width * scale, height: height * scale, href: address, preserveAspectRatio: "none" }));
  const drawn = panel.phrases.map((phrase, at) => [phrase, panel.masks[at]]).filter(([, mask]) => mask && mask.area).sort((a, b) => b[1].area - a[1].area);
  for (const [phrase, mask] of drawn) {
    const hex = COLOURS[colour(phrase.number)], state = panel.stateOf(phrase), name = `stripes${colour(phrase.number)}`;
    const place = { d: mask.outline, transform: `translate(${x} ${y}) scale(${+scale.toFixed(5)})`, "fill-rule": "evenodd", "vector-effect": "non-scaling-stroke", "stroke-linejoin": "round" };
    if (state !== "" && !patterns.has(name)) {
      patterns.set(name, shape("pattern", { id: name, width: 8, height: 8, patternUnits: "userSpaceOnUse", patternTransform: `scale(${+(1 / scale).toFixed(5)}) rotate(45)` }, shape("rect", { width: 3, height: 8, fill: hex })));
    }
    if (state !== "") inner.append(shape("path", { ...place, fill: hex, "fill-opacity": 0.14 }));
    inner.append(shape("path", { ...place, fill: state === "" ? hex : `url(#${name})`, "fill-opacity": state === "" ? 0.45 : 0.8, stroke: "#000", "stroke-opacity": 0.6, "stroke-width": 3.4 }));
    inner.append(shape("path", { ...place, fill: "none", stroke: hex, "stroke-width": 2, "stroke-dasharray": state === "" ? null : state === "near" ? "9 4" : "3 3.5" }));
  }
  for (const [phrase, mask] of drawn) inner.append(sceneBadge(phrase.number, x + mask.anchor.x * scale, y + mask.anchor.y * scale));
  return [...shapes, inner];
}

/**
 * The drawing as text.
 *
 * A panel is {title, phrases, masks, pieces, stateOf}; the size is that of the masks: height, width.
 */
function sceneText(panels, address, size, label) {
  const [height, width] = size, scale = Math.min(SCENE.wide / width, SCENE.tall / height);
  const wide = Math.max(width * scale, 240), patterns = new Map(), shapes = [];
  let bottom = 0;
  panels.forEach((panel, at) => {
    const x = SCENE.gap + at * (wide + SCENE.gap), top = 34;
    shapes.push(shape("text", { x, y: 22, "font-size": 13, "font-weight": 700, fill: DARK_INK }, panel.title));
    shapes.push(...scenePicture(panel, address, x, top, size, scale, patterns));
    let { shapes: words, end } = sceneWords(panel.pieces, panel.phrases, x, top + height * scale + 26, wide);
    shapes.push(...words);
    const elsewhere = panel.phrases.map((_, k) => k).filter((k) => !panel.pieces.some((piece) => piece[1] === k));
    if (elsewhere.length) {
      const rest = elsewhere.flatMap((k) => [[nameOf(panel.phrases[k]), k], [" ", -1]]);
      ({ shapes: words, end } = sceneWords([["not in the caption: ", -1], ...rest], panel.phrases, x, end + SCENE.line, wide));
      shapes.push(...words);
    }
    bottom = Math.max(bottom, end);
  });
  const total = panels.length * (wide + SCENE.gap) + SCENE.gap, tall = bottom + 18;
  const svg = shape("svg", { width: total, height: tall, viewBox: `0 0 ${+total.toFixed(2)} ${+tall.toFixed(2)}`, "font-family": SCENE_FONT, role: "img", "aria-label": label },
    shape("defs", {}, ...patterns.values()), shape("rect", { width: total, height: tall, fill: "#fff" }), ...shapes);
  return { text: new XMLSerializer().serializeToString(svg), wide: total, tall };
}

const nameOf = (phrase) => (phrase.text === null ? "(no words)" : phrase.text || "(empty)");
const fileName = (id) => id.replace(/[^\w.-]+/g, "_").slice(0, 100) || "image";

/** Offers a file to save. */
function save(name, content, kind) {
  const address = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type: kind }));
  const link = make("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

/** Saves a drawing as pixels, `dots` for each of its units. */
function savePng(name, scene, dots = 3) {
  const picture = new Image();
  picture.addEventListener("load", () => {
    const canvas = make("canvas", { width: Math.round(scene.wide * dots), height: Math.round(scene.tall * dots) });
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => save(name, blob), "image/png");
  });
  const bytes = new TextEncoder().encode(scene.text);
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  picture.src = `data:image/svg+xml;base64,${btoa(text)}`;
}
