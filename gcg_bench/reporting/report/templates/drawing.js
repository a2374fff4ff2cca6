/* Masks, numbers and boxes on a canvas. */
const rgbOf = (number) => {
  const hex = COLOURS[colour(number)];
  return [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
};

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

/** The boxes that a query asks about: dark and light dashes, visible on any picture. */
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

/**
 * Draws one mask. `look` is its number, `state` ("" when matched, "near" or "apart"), `lit` (1 when it is
 * pointed at, -1 when another is, else 0), and whether `masks` and `outlines` are drawn.
 */
function drawMask(pen, look, mask, scale, dots) {
  const hex = COLOURS[colour(look.number)], { state, lit } = look;
  const path = new Path2D();
  path.addPath(mask.path, new DOMMatrix([scale, 0, 0, scale, 0, 0]));
  if (look.masks || lit > 0) {
    const alpha = lit > 0 ? 0.62 : lit < 0 ? 0.1 : 0.45;
    pen.fillStyle = hex;
    pen.globalAlpha = alpha;
    if (state !== "") {
      pen.globalAlpha = alpha * 0.3;
      pen.fill(path, "evenodd");
      pen.globalAlpha = Math.min(1, alpha * 1.7);
      pen.fillStyle = pen.createPattern(stripesOf(hex, dots), "repeat");
    }
    pen.fill(path, "evenodd");
  }
  if (look.outlines || lit > 0) {
    pen.globalAlpha = lit < 0 ? 0.25 : 1;
    pen.lineJoin = "round";
    pen.setLineDash([]);
    pen.strokeStyle = "rgb(0 0 0 / 60%)";
    pen.lineWidth = (lit > 0 ? 5.2 : 3.8) * dots;
    pen.stroke(path);
    pen.setLineDash(state === "" ? [] : state === "near" ? [9 * dots, 4 * dots] : [3 * dots, 3.5 * dots]);
    pen.strokeStyle = hex;
    pen.lineWidth = (lit > 0 ? 3.2 : 2.2) * dots;
    pen.stroke(path);
    pen.setLineDash([]);
  }
  pen.globalAlpha = 1;
}

/** Draws the number of a phrase on its mask; `edge` is the visible part of the picture: x0, y0, x1, y1. */
function drawNumber(pen, number, mask, scale, dots, edge = [0, 0, pen.canvas.width, pen.canvas.height]) {
  const text = String(number), at = colour(number);
  pen.font = `700 ${11.5 * dots}px system-ui, sans-serif`;
  const wide = Math.max(18 * dots, pen.measureText(text).width + 10 * dots), high = 18 * dots;
  const [x0, y0, x1, y1] = edge, left = mask.anchor.x * scale, top = mask.anchor.y * scale;
  if (left < x0 || top < y0 || left > x1 || top > y1) return;
  const x = Math.min(Math.max(left, x0 + wide / 2 + 1), x1 - wide / 2 - 1);
  const y = Math.min(Math.max(top, y0 + high / 2 + 1), y1 - high / 2 - 1);
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

/** A picture with the masks of a side, as large as fits into `room` (width, height); looks are those of `drawMask`. */
function paintSide(canvas, record, picture, masks, looks, room) {
  const [height, width] = record.size;
  const dots = Math.min(3, devicePixelRatio || 1), fitting = Math.min(room[0] / width, room[1] / height);
  canvas.width = Math.max(1, Math.round(width * fitting * dots));
  canvas.height = Math.max(1, Math.round(height * fitting * dots));
  canvas.style.width = `${Math.round(width * fitting)}px`;
  canvas.style.height = `${Math.round(height * fitting)}px`;
  const pen = canvas.getContext("2d"), scale = canvas.width / width;
  if (picture && picture.naturalWidth) pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const drawn = looks.map((_, at) => at).filter((at) => looks[at] && masks[at] && masks[at].area)
    .sort((a, b) => (looks[a].lit > 0) - (looks[b].lit > 0) || masks[b].area - masks[a].area);
  for (const at of drawn) drawMask(pen, looks[at], masks[at], scale, dots);
  strokeRegions(pen, record.regions, scale, dots);
  for (const at of drawn) if (looks[at].lit >= 0) drawNumber(pen, looks[at].number, masks[at], scale, dots);
}
