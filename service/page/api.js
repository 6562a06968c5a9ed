// Asks the service: with the token where one was given, again where it was too busy, and gives up when told to.

const TOKEN = "galaxy-memory-rules-token";
const MOST_TRIES = 8;
const listeners = { busy: () => {} };

/** The service said no, or nothing: `status` 0 where nobody answered. */
export class Refused extends Error {
  constructor(
    status,
    {
      error = "unreachable",
      message = "The service does not answer; it is asked again every few seconds.",
      field = "",
    } = {},
  ) {
    super(message);
    Object.assign(this, { status, code: error, field });
  }
}

export function hasToken() {
  return sessionStorage.getItem(TOKEN) !== null;
}

export function keepToken(token) {
  sessionStorage.setItem(TOKEN, token);
}

export function forgetToken() {
  sessionStorage.removeItem(TOKEN);
}

/** `listener` hears in how many seconds a busy service is asked again. */
export function whenBusy(listener) {
  listeners.busy = listener;
}

export async function getJson(path, signal) {
  return (await answered(path, { signal })).json();
}

export async function postJson(path, content, signal) {
  return (await answered(path, posted(content, "application/json", signal))).json();
}

export async function postForText(path, content, accept) {
  return (await answered(path, posted(content, accept))).text();
}

/** The address of a tool's details; an id with slashes or worse stays one part of the path. */
export function toolPath(tool) {
  return `v1/tools/${encodeURIComponent(tool)}`;
}

function posted(content, accept, signal) {
  const headers = { "Content-Type": "application/json", Accept: accept };
  return { method: "POST", body: JSON.stringify(content), headers, signal };
}

async function answered(path, request, tries = 1) {
  const response = await sent(path, request);
  if (response.ok) return response;
  const seconds = Number(response.headers.get("Retry-After"));
  if (response.status === 503 && seconds > 0 && tries < MOST_TRIES) {
    listeners.busy(seconds);
    await pause(seconds, request.signal);
    return answered(path, request, tries + 1);
  }
  throw new Refused(
    response.status,
    await response.json().catch(() => ({ error: "http", message: response.statusText })),
  );
}

async function sent(path, request) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = { ...request.headers, ...(token === null ? {} : { Authorization: `Bearer ${token}` }) };
  try {
    return await fetch(path, { ...request, headers, credentials: "same-origin", cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0);
  }
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
