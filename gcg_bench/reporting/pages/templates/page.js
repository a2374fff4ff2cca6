"use strict";
// Tables of class `sortable`: a click on a heading sorts the rows within each tbody, so that no row
// moves to another group. A cell may state its key in data-value.
(function () {
  function key(row, column) {
    const cell = row.cells[column];
    return cell === undefined ? "" : (cell.dataset.value ?? cell.textContent.trim());
  }
  function compare(a, b) {
    const x = Number(a), y = Number(b);
    if (a !== "" && b !== "" && !Number.isNaN(x) && !Number.isNaN(y)) return x - y;
    return a.localeCompare(b, undefined, { numeric: true });
  }
  function sort(table, column, down) {
    for (const body of table.tBodies) {
      const rows = Array.from(body.rows).filter((row) => !row.classList.contains("kind"));
      rows.sort((r, s) => {
        const a = key(r, column), b = key(s, column);
        if (a === "" || b === "") return a === b ? 0 : a === "" ? 1 : -1; // empty cells come last
        return down ? compare(b, a) : compare(a, b);
      });
      for (const row of rows) body.append(row);
    }
  }
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = Array.from(table.tHead.rows[0].cells);
    heads.forEach((head, column) => {
      const button = head.querySelector("button");
      if (!button) return;
      button.addEventListener("click", () => {
        const first = head.dataset.first === "down" ? "descending" : "ascending";
        const other = first === "descending" ? "ascending" : "descending";
        const next = head.getAttribute("aria-sort") === first ? other : first;
        for (const one of heads) one.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", next);
        sort(table, column, next === "descending");
      });
    });
  }
  // A form with data-filter shows the rows of all sortable tables whose second cell has a text, and
  // the tbodies of one data-kind.
  for (const form of document.querySelectorAll("form[data-filter]")) {
    const bodies = Array.from(document.querySelectorAll("table.sortable tbody"));
    const filter = () => {
      const text = form.elements.text.value.trim().toLowerCase(), kind = form.elements.kind.value;
      let shown = 0, all = 0;
      for (const body of bodies) {
        let left = 0;
        const rows = Array.from(body.rows).filter((row) => !row.classList.contains("kind"));
        for (const row of rows) {
          const named = row.cells[1].textContent.toLowerCase().includes(text);
          row.hidden = !named || (kind !== "" && body.dataset.kind !== kind);
          left += row.hidden ? 0 : 1;
        }
        body.hidden = left === 0;
        shown += left;
        all += rows.length;
      }
      form.querySelector("output").textContent = `${shown} of ${all} rows`;
    };
    form.hidden = false;
    form.addEventListener("input", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    filter();
  }
})();
