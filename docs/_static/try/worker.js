// Runs the package's own model: Pyodide, and in it harness.browser.answer.
import { loadPyodide } from "./pyodide/pyodide.mjs";

const here = (name) => new URL(name, import.meta.url).href;

async function start() {
  const [python, app] = await Promise.all([
    loadPyodide({ indexURL: here("pyodide/") }),
    fetch(here("app.zip")).then((answer) => answer.arrayBuffer()),
  ]);
  python.unpackArchive(app, "zip", { extractDir: "/app" });
  return python.runPython(
    "import sys; sys.path.insert(0, '/app'); from harness.browser.answer import document; document",
  );
}

const document = start();
onmessage = async ({ data }) => {
  try {
    postMessage({ answer: JSON.parse((await document)(JSON.stringify(data))) });
  } catch (problem) {
    const lines = String(problem.message ?? problem).trim().split("\n");
    postMessage({ problem: lines[lines.length - 1] });
  }
};
