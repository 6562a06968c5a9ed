// The tools that the service has loaded, and what it tells of each of them; asked for once.

import { getJson, toolPath } from "./api.js";

const details = new Map();
let tools = [];

export async function loadTools() {
  tools = (await getJson("v1/tools")).tools;
  details.clear();
  return tools;
}

/** All tools, those with the most recorded jobs first. */
export function byRows() {
  return [...tools].sort((one, other) => other.rows - one.rows || one.tool.localeCompare(other.tool));
}

export function allTools() {
  return tools;
}

export function findTool(tool) {
  return tools.find((one) => one.tool === tool);
}

/** All that is known of a tool; a failure is not remembered. */
export function toolDetails(tool) {
  if (!details.has(tool)) {
    const asked = getJson(toolPath(tool));
    details.set(tool, asked);
    asked.catch(() => details.delete(tool));
  }
  return details.get(tool);
}

/** The name that people use: `bowtie2 2.5.0` of a ToolShed id, any other id as it is. */
export function shortName(tool) {
  const parts = tool.split("/");
  return parts.length >= 5 && parts[1] === "repos" ? parts.slice(4).join(" ") : tool;
}
