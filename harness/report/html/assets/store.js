// The look-ups of the page: an index of all, and the row and section of each, which stand in
// the page or are unpacked from it when they are asked for.

const INDEX = JSON.parse(document.getElementById("index").textContent);
const LOOKUPS = INDEX.lookups.map(
  ([slug, scenario, name, gaiConf, cells, groups, differs, words], number) => {
    const [title, description] = INDEX.scenarios[scenario];
    return {
      number, slug, scenario, name, gaiConf, cells, differs: Boolean(differs),
      groups: groups.map(([verdict, failed, unmet, rules, accepted]) =>
        ({ verdict, failed, unmet, rules, accepted })),
      text: [title, name, gaiConf, words, description].join(" ").toLowerCase(),
    };
  });
const BY_SLUG = new Map(LOOKUPS.map((lookup) => [lookup.slug, lookup]));
const PACK_OF = new Map(INDEX.packs.flatMap((numbers, pack) => numbers.map((n) => [n, pack])));

const rows = new Map();
const sections = new Map();
const unpacked = new Map();

function collect(root) {
  for (const row of root.querySelectorAll("tr[data-i]")) rows.set(Number(row.dataset.i), row);
  for (const section of root.querySelectorAll("details[data-i]")) {
    sections.set(Number(section.dataset.i), section);
  }
}

// The look-up that an address in the page means, be it its own or that of a result.
function lookupAt(address) {
  for (let end = address.length; end > 0; end = address.lastIndexOf("/", end - 1)) {
    const found = BY_SLUG.get(address.slice(0, end));
    if (found) return found;
  }
  return null;
}

// Makes sure that rows and sections of these look-ups are there.
async function provide(lookups) {
  const wanted = new Map();
  for (const { number } of lookups) {
    if (sections.has(number)) continue;
    const pack = PACK_OF.get(number);
    if (!wanted.has(pack)) wanted.set(pack, new Set());
    wanted.get(pack).add(number);
  }
  for (const [pack, numbers] of wanted) {
    const template = document.createElement("template");
    template.innerHTML = (await unpack(pack))
      .filter(([number]) => numbers.has(number))
      .map(([, row, section]) => row + section)
      .join("");
    collect(template.content);
  }
}

// The pieces come from the program that wrote the page, escaped like the rest of it.
async function unpack(pack) {
  if (!unpacked.has(pack)) {
    const text = document.querySelector(`script[data-pack="${pack}"]`).textContent;
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    unpacked.set(pack, JSON.parse(await new Response(stream).text()));
  }
  return unpacked.get(pack);
}
