// The rows and sections on show, and the arrow keys in the matrix.

const TABLE = document.querySelector("table.matrix");
const BODY = document.getElementById("rows");
const LIST = document.getElementById("sections");
const PAGED = INDEX.packs.length > 0;

let drawing = 0;

// Draws one page of the matching look-ups; resolves to false when a later call overtook it.
async function draw(hits, page, build) {
  const turn = ++drawing;
  const size = PAGED ? INDEX.page_size : Math.max(hits.length, 1);
  const shown = hits.slice((page - 1) * size, page * size);
  await provide(shown);
  if (turn !== drawing) return false;
  BODY.replaceChildren(...shown.map(({ number }) => rows.get(number)));
  LIST.replaceChildren(...shown.map(({ number }) => sections.get(number)));
  shown.forEach(({ number, scenario }, place) => {
    rows.get(number).classList.toggle("starts", shown[place - 1]?.scenario !== scenario);
  });
  onlyColumn(build ? COLUMN.get(build) : undefined);
  document.getElementById("none").hidden = hits.length > 0;
  drawPager(hits.length, page, size);
  holdOneCell();
  return true;
}

function drawPager(count, page, size) {
  const number = new Intl.NumberFormat("en");
  document.getElementById("pager").hidden = count <= size;
  document.getElementById("range").textContent =
    `${number.format((page - 1) * size + 1)}–${number.format(Math.min(page * size, count))}`
    + ` of ${number.format(count)}`;
  document.getElementById("previous").disabled = page <= 1;
  document.getElementById("next").disabled = page * size >= count;
}

function onlyColumn(column) {
  const hide = (cells, offset) => cells.forEach((cell, place) => {
    cell.hidden = column !== undefined && place >= offset && place - offset !== column;
  });
  const archs = TABLE.querySelector("tr.archs");
  if (archs) archs.querySelectorAll("[colspan]").forEach((th) => { th.hidden = column !== undefined; });
  hide([...TABLE.tHead.rows[TABLE.tHead.rows.length - 1].cells], archs ? 0 : 2);
  for (const row of BODY.rows) hide([...row.cells], 2);
  for (const group of LIST.querySelectorAll(".group")) {
    group.hidden = column !== undefined
      && !group.dataset.columns.split(" ").includes(String(column));
  }
}

// One cell of the matrix is in the tab order; the arrow keys go on from it.
function holdOneCell(link) {
  const links = BODY.querySelectorAll("a");
  for (const one of links) one.tabIndex = -1;
  const held = link ?? links[0];
  if (held) held.tabIndex = 0;
}

function moveInMatrix(event) {
  const link = event.target.closest("tbody a");
  if (!link || event.altKey || event.ctrlKey || event.metaKey) return;
  const row = link.closest("tr");
  const line = [...row.querySelectorAll("th:not([hidden]) > a, td:not([hidden]) > a")];
  const all = [...BODY.rows];
  const [place, at] = [line.indexOf(link), all.indexOf(row)];
  const inRow = (other) => {
    const links = [...other.querySelectorAll("th:not([hidden]) > a, td:not([hidden]) > a")];
    return links[Math.min(place, links.length - 1)];
  };
  const next = {
    ArrowLeft: () => line[place - 1],
    ArrowRight: () => line[place + 1],
    ArrowUp: () => all[at - 1] && inRow(all[at - 1]),
    ArrowDown: () => all[at + 1] && inRow(all[at + 1]),
    Home: () => line[0],
    End: () => line.at(-1),
    PageUp: () => inRow(all[Math.max(at - 10, 0)]),
    PageDown: () => inRow(all[Math.min(at + 10, all.length - 1)]),
  }[event.key];
  if (!next) return;
  event.preventDefault();
  const goal = next();
  if (!goal) return;
  holdOneCell(goal);
  goal.focus();
}
