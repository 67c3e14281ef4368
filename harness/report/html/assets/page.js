// Puts it together: the page follows its address, the controls and the keys.

let state = {};

async function show(wanted, { push = false, record = true } = {}) {
  const hits = matching(wanted);
  const size = PAGED ? INDEX.page_size : Math.max(hits.length, 1);
  const goal = wanted.at ? lookupAt(wanted.at) : null;
  if (goal && !hits.includes(goal)) return show({ at: wanted.at }, { push, record });
  const last = Math.max(1, Math.ceil(hits.length / size));
  let page = Math.min(Math.max(1, Math.trunc(Number(wanted.page)) || 1), last);
  if (goal) page = Math.floor(hits.indexOf(goal) / size) + 1;
  state = { ...wanted, at: goal ? wanted.at : "", page: page > 1 ? String(page) : "" };
  writeControls(state);
  const count = new Intl.NumberFormat("en");
  document.getElementById("count").textContent =
    `${count.format(hits.length)} of ${count.format(LOOKUPS.length)} look-ups`;
  if (record) {
    const address = location.pathname + location.search + writeHash(state);
    history[push ? "pushState" : "replaceState"](null, "", address);
  }
  if (!await draw(hits, page, state.build)) return undefined;
  if (goal) open(goal, wanted.at);
  document.documentElement.dataset.ready = "";
  return undefined;
}

// Opens the section of a look-up, scrolls to the result and marks it.
function open(lookup, address) {
  const section = sections.get(lookup.number);
  section.open = true;
  for (const old of document.querySelectorAll(".target")) old.classList.remove("target");
  const exact = address !== lookup.slug && document.getElementById(address);
  const goal = exact || section.querySelector("summary");
  const marked = exact ? exact.closest(".group") : section;
  marked.classList.add("target");
  section.scrollIntoView({ block: "start" });
  if (marked.getBoundingClientRect().top > innerHeight * .6) {
    marked.scrollIntoView({ block: "start" });
  }
  goal.focus({ preventScroll: true });
}

function follow() {
  const wanted = readHash();
  const plain = Object.keys(wanted).length === 1 && wanted.at;
  if (plain && !lookupAt(wanted.at) && wanted.at !== "all") return; // a place like #matrix
  show(wanted.at === "all" ? {} : wanted, { record: wanted.at === "all" });
}

function onControls() {
  show({ ...readControls() });
}

function turn(step) {
  show({ ...state, at: "", page: String((Number(state.page) || 1) + step) }, { push: true });
  document.getElementById("matrix").scrollIntoView({ block: "start" });
}

function onClick(event) {
  const link = event.target.closest('a[href^="#"]');
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const address = decodeURIComponent(link.getAttribute("href").slice(1));
  if (address.includes("=") || !lookupAt(address)) return;
  event.preventDefault();
  show({ ...state, at: address }, { push: true });
}

function onKey(event) {
  const typing = event.target.matches("input, select, textarea");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    FIELD.q.focus();
    FIELD.q.select();
  } else if (event.key === "Escape" && event.target === FIELD.q && FIELD.q.value) {
    event.preventDefault();
    FIELD.q.value = "";
    onControls();
  }
}

function setAll(opened) {
  for (const section of LIST.querySelectorAll("details.lookup")) section.open = opened;
}

const THEMES = ["system", "light", "dark"];

function setTheme(name) {
  const theme = THEMES.includes(name) ? name : "system";
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  document.getElementById("theme").textContent = `Theme: ${theme}`;
  try { localStorage.setItem("gai-harness-theme", theme); } catch { /* not kept, then */ }
  return theme;
}

function start() {
  document.documentElement.classList.add("js");
  collect(document);
  fillControls();
  let theme = "system";
  try { theme = localStorage.getItem("gai-harness-theme"); } catch { /* none kept */ }
  theme = setTheme(theme);
  document.getElementById("theme").addEventListener("click", () => {
    theme = setTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]);
  });
  const controls = document.getElementById("controls");
  controls.addEventListener("input", onControls);
  controls.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("reset").addEventListener("click", () => show({}));
  document.getElementById("previous").addEventListener("click", () => turn(-1));
  document.getElementById("next").addEventListener("click", () => turn(1));
  document.getElementById("open-all").addEventListener("click", () => setAll(true));
  document.getElementById("close-all").addEventListener("click", () => setAll(false));
  document.addEventListener("click", onClick);
  document.addEventListener("keydown", onKey);
  BODY.addEventListener("keydown", moveInMatrix);
  addEventListener("hashchange", follow);
  const before = new Set();
  addEventListener("beforeprint", () => {
    for (const section of LIST.querySelectorAll("details:not([open])")) {
      before.add(section);
      section.open = true;
    }
  });
  addEventListener("afterprint", () => {
    for (const section of before) section.open = false;
    before.clear();
  });
  const wanted = readHash();
  const shown = show(wanted.at === "all" ? {} : wanted, { record: false });
  // when all is loaded, the browser scrolls to the fragment once more, in its own way
  addEventListener("load", async () => {
    await shown;
    if (state.at) requestAnimationFrame(() => open(lookupAt(state.at), state.at));
  });
}

start();
