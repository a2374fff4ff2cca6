/* Elements, colours and small tools of the pages with pictures. Text becomes text nodes and nothing else. */
const $ = (id) => document.getElementById(id);
const COLOURS = ["#e69f00", "#56b4e9", "#009e73", "#e5d432", "#0072b2", "#d55e00", "#cc79a7"];
const DARK_INK = "#14161a", LIGHT_INK = "#ffffff", BLUE = 4;
const colour = (number) => (number - 1) % COLOURS.length;
const bdi = (text) => make("bdi", null, text);

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

/** A memory of at most `most` values; it forgets the value that was used least recently. */
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

function whenLoaded(picture, action) {
  if (!picture || picture.complete) action(); else picture.addEventListener("load", action, { once: true });
}
