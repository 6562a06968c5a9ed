// The page: loads the list of tools, shows the view that the address names, and goes on when the service is back.

import { keepToken, Refused, whenBusy } from "./api.js";
import { readAddress } from "./address.js";
import { Ask } from "./ask.js";
import { loadTools } from "./catalogue.js";
import { byId } from "./elements.js";
import { Plan } from "./plan.js";
import { listenToCopying } from "./snippets.js";
import { block, hideNotice, isBlocked, say, setState } from "./state.js";
import { Tools } from "./tools.js";

const TITLES = { ask: "Ask", plan: "Plan", tools: "Tools" };
const views = { ask: new Ask(start), plan: new Plan(start), tools: new Tools(start) };
let shown = null;

async function start() {
  try {
    const tools = await loadTools();
    if (!tools.length) throw new Refused(503, { error: "not_ready", message: "No tool is loaded." });
    hideNotice();
    // until the view says what it shows
    setState("loading");
    Object.values(views).forEach((view) => view.setTools());
    await route();
  } catch (error) {
    block(error, start);
  }
}

async function route(event) {
  if (isBlocked()) return;
  const address = readAddress();
  const name = address.view in views ? address.view : "ask";
  if (shown !== name) turnTo(name, Boolean(event));
  byId(name).hidden = false;
  await views[name].show(address.parameters, address.item);
}

function turnTo(name, byHand) {
  views[shown]?.leave();
  setState("loading");
  shown = name;
  for (const one of Object.keys(TITLES)) byId(one).hidden = one !== name;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${TITLES[name]} · Memory of Galaxy jobs`;
  // who listens hears where they are; at the start the browser tells
  if (byHand) byId(`${name}-title`).focus();
}

addEventListener("hashchange", route);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("main").focus();
});
byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  keepToken(byId("token").value.trim());
  byId("token").value = "";
  start();
});
whenBusy((seconds) => say(`The service is busy; asked again in ${seconds} s.`));
listenToCopying();
start();
