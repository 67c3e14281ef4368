// Which look-ups match, and the controls that say so.

const FIELD = Object.fromEntries(FILTERS.map((id) => [id, document.getElementById(id)]));
const COLUMN = new Map(INDEX.columns.map(([slug], number) => [slug, number]));

function matching(state) {
  const words = (state.q || "").toLowerCase().split(/\s+/).filter(Boolean);
  const column = state.build ? COLUMN.get(state.build) ?? -2 : null;
  const scenario = state.scenario
    ? INDEX.scenarios.findIndex(([name]) => name === state.scenario) : null;
  const rule = state.rule ? Number(state.rule) : null;
  return LOOKUPS.filter((lookup) => {
    if (scenario !== null && lookup.scenario !== scenario) return false;
    if (state.differs && !lookup.differs) return false;
    if (!words.every((word) => lookup.text.includes(word))) return false;
    const groups = column === null
      ? lookup.groups : [lookup.groups[lookup.cells[column]]].filter(Boolean);
    return groups.some((group) =>
      hasVerdict(group, state.verdict) && (rule === null || group.rules.includes(rule)));
  });
}

function hasVerdict(group, wanted) {
  if (!wanted) return true;
  if (wanted === "failed") return Boolean(group.failed);
  if (wanted === "accepted") return Boolean(group.accepted);
  if (wanted === "unmet") return Boolean(group.unmet);
  return group.verdict === wanted;
}

function fillControls() {
  const used = new Set(LOOKUPS.flatMap(({ groups }) => groups.flatMap(({ rules }) => rules)));
  for (const [number, title] of Object.entries(INDEX.rules)) {
    if (used.has(Number(number))) FIELD.rule.add(new Option(`${number}: ${title}`, number));
  }
  for (const [name] of INDEX.scenarios) FIELD.scenario.add(new Option(name, name));
}

function readControls() {
  const state = {};
  for (const [id, field] of Object.entries(FIELD)) {
    state[id] = field.type === "checkbox" ? (field.checked ? "1" : "") : field.value;
  }
  return state;
}

function writeControls(state) {
  for (const [id, field] of Object.entries(FIELD)) {
    if (field.type === "checkbox") field.checked = Boolean(state[id]);
    else if (field.value !== (state[id] || "")) field.value = state[id] || "";
  }
}
