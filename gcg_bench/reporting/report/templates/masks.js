/* Masks: COCO's run lengths, outlines, small copies. */
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

/** A mask as bytes row by row, its area, the position of its number, and its outline. */
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
  const outline = trace(bits, height, width);
  return { bits, area, anchor: anchor(bits, height, width), outline, path: new Path2D(outline) };
}

/** The position of a number in a mask: the middle of a row whose longest run is at least 90% of the longest of all rows. */
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
 * The outline as the text of an SVG path. Edges between pixels are followed with the mask on the right; corners are
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
  const pieces = [];
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
      if (first) { pieces.push(`M${x + dx[direction] / 2} ${y + dy[direction] / 2}`); first = false; }
      if (next !== direction) {
        pieces.push(`L${x + dx[direction] / 2} ${y + dy[direction] / 2}`);
        if (next >= 0) pieces.push(`L${(v % span) + dx[next] / 2} ${((v / span) | 0) + dy[next] / 2}`);
      }
      direction = next;
    } while (direction >= 0);
    pieces.push("Z");
  }
  return pieces.join("");
}

/** Paints a mask's runs on a small field of pixels, without decoding it whole. */
function paintSmall(field, wide, high, counts, height, width, rgb) {
  let place = 0, value = 0;
  for (const run of runLengths(counts)) {
    if (value) {
      const first = (place / height) | 0, last = ((place + run - 1) / height) | 0;
      const from = Math.floor((first * wide) / width), to = Math.min(wide - 1, Math.floor(((last + 1) * wide) / width));
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
