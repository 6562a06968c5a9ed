// The same request without the page: as a curl command and as a Python program, and the buttons that copy them.

import { hasToken } from "./api.js";
import { byId } from "./elements.js";
import { say } from "./state.js";

const PYTHON = new Map([
  [true, "True"],
  [false, "False"],
  [null, "None"],
]);

/** Write both for one job. */
export function showSnippets(job) {
  const address = new URL("v1/predict", document.baseURI).href.replace(/#.*/, "");
  byId("ask-curl").textContent = curl(address, job);
  byId("ask-python").textContent = python(address, job);
}

/** Have every button with data-copies copy the text of what it names. */
export function listenToCopying() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-copies]");
    if (button) copy(byId(button.dataset.copies));
  });
}

function curl(address, job) {
  const lines = [`curl ${quoted(address)}`, `-H ${quoted("Content-Type: application/json")}`];
  if (hasToken()) lines.push('-H "Authorization: Bearer $TOKEN"');
  return [...lines, `-d ${quoted(JSON.stringify(job))}`].join(" \\\n  ");
}

function python(address, job) {
  const header = hasToken() ? '\n    headers={"Authorization": f"Bearer {os.environ[\'TOKEN\']}"},' : "";
  return `${hasToken() ? "import os\n\n" : ""}import requests

answer = requests.post(
    ${JSON.stringify(address)},
    json=${literal(job, 1)},${header}
    timeout=5,
)
answer.raise_for_status()
print(answer.json()["memory_bytes"])`;
}

/** In a shell nothing is special between single quotes but the quote itself. */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** A value of JSON as Python spells it. */
function literal(value, depth) {
  const [inner, outer] = ["    ".repeat(depth + 1), "    ".repeat(depth)];
  const lines = (open, parts, close) =>
    parts.length ? `${open}\n${parts.map((part) => `${inner}${part},\n`).join("")}${outer}${close}` : open + close;
  if (Array.isArray(value))
    return lines(
      "[",
      value.map((one) => literal(one, depth + 1)),
      "]",
    );
  if (value && typeof value === "object") {
    return lines(
      "{",
      Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${literal(one, depth + 1)}`),
      "}",
    );
  }
  return PYTHON.get(value) ?? JSON.stringify(value);
}

async function copy(source) {
  try {
    await navigator.clipboard.writeText(source.textContent);
    say("Copied.");
  } catch {
    // without https a browser does not let a page copy
    getSelection().selectAllChildren(source);
    say("Selected: press Ctrl+C to copy.");
  }
}
