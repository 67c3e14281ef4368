// What is shown, and its form in the address of the page, so that a view can be shared.
// A plain "#scenario/look-up/2.41" is one result; "#verdict=crashed&at=…" a filtered view.
"use strict";

const FILTERS = ["q", "verdict", "rule", "scenario", "build", "differs"];

function readHash() {
  let text = location.hash.slice(1);
  if (!text.includes("=")) {
    try { text = decodeURIComponent(text); } catch { /* as it is */ }
    return { at: text };
  }
  return Object.fromEntries(new URLSearchParams(text.replaceAll("+", "%2B")));
}

function writeHash(state) {
  const parts = [];
  for (const key of [...FILTERS, "page"]) {
    if (state[key]) parts.push(`${key}=${spell(state[key])}`);
  }
  if (!parts.length) return state.at ? `#${spell(state.at)}` : "";
  if (state.at) parts.push(`at=${spell(state.at)}`);
  return `#${parts.join("&")}`;
}

// Slashes, commas and colons may stay: they keep addresses readable.
function spell(text) {
  return encodeURIComponent(text).replace(/%2F/g, "/").replace(/%2C/g, ",").replace(/%3A/g, ":");
}
