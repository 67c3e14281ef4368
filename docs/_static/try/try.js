// The fields of the page: what is typed goes to the worker, what it says is shown.
(() => {
  const FIELDS = ["addresses", "routes", "names", "gai_conf"];
  const at = (name) => document.getElementById(`try-${name}`);
  const base = new URL(".", document.currentScript.src);
  const say = (words) => { at("status").textContent = words; };
  const made = (tag, text, kind = "") => {
    const element = document.createElement(tag);
    element.textContent = text;
    element.className = kind;
    return element;
  };

  if (location.protocol === "file:") {
    say("A browser runs this page only from a web server: python3 -m http.server in the site's folder.");
    return;
  }
  const shadow = at("order").attachShadow({ mode: "open" });
  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = new URL("drawing.css", base);
  const drawing = made("div", "", "drawing");
  const own = made("style", ".drawing { font: 400 1rem/1.55 var(--sans); color: var(--ink); overflow-wrap: anywhere; }"
    + " .old .group { border-style: dashed; } .group { margin-bottom: 1rem; } h2 { margin-bottom: .6rem; }");
  shadow.append(style, own, drawing);

  const worker = new Worker(new URL("worker.js", base), { type: "module" });
  let busy = false;
  let waiting = false;
  let timer = 0;
  let scenario = "";

  function ask() {
    if (busy) { waiting = true; return; }
    busy = true;
    const names = [...FIELDS, "glibc", "arch"];
    worker.postMessage(Object.fromEntries(names.map((name) => [name, at(name).value])));
  }

  function name_of(one, findings) {
    const section = made("section", "", "group");
    const heading = made("h2", "");
    heading.append(made("code", one.name));
    section.append(heading);
    if (one.unknown.length) {
      section.append(made("p", "The kernel chooses the source, and what was given leaves it open. Add these answers to the routes:", "plain"));
      for (const [destination, why, command] of one.unknown) {
        const line = made("p", "", "remark undefined");
        line.append(made("code", command), ` (${destination}: ${why})`);
        section.append(line);
      }
    } else {
      section.insertAdjacentHTML("beforeend", one.html); // escaped by the templates
    }
    for (const finding of findings) section.append(made("p", `gai.conf, ${finding}`, "remark undefined"));
    return section;
  }

  function show({ errors, names, findings, scenario: file }) {
    for (const name of FIELDS) {
      at(`${name}-error`).textContent = errors[name] ?? "";
      if (name in errors) at(name).setAttribute("aria-invalid", "true");
      else at(name).removeAttribute("aria-invalid");
    }
    const wrong = Object.keys(errors).length > 0;
    drawing.classList.toggle("old", wrong);
    scenario = wrong ? "" : file;
    at("download").disabled = !scenario;
    if (wrong) {
      say(Object.entries(errors).map(([name, line]) => `${name}: ${line}`).join("; "));
      return;
    }
    drawing.replaceChildren(...names.map((one) => name_of(one, findings)));
    say(names.map((one) => (one.unknown.length
      ? `${one.name}: ${one.unknown.length} source${one.unknown.length > 1 ? "s" : ""} not known`
      : `${one.name}: ${one.order.join(", ") || "no address"}`)).join("; "));
  }

  worker.onmessage = ({ data }) => {
    busy = false;
    if (data.problem) say(`This page has a mistake of its own: ${data.problem}`);
    else show(data.answer);
    if (waiting) { waiting = false; ask(); }
  };
  worker.onerror = () => say("Python could not be loaded.");
  at("download").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([scenario], { type: "application/yaml" }));
    link.download = "from-the-page.yaml";
    link.click();
    URL.revokeObjectURL(link.href);
  });
  const form = document.getElementById("try");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 150);
  });
  say("Loading Python, about 16 MB, once …");
  ask();
})();
