// The part of the address after #: which view, what stands in it, and whole states packed into a few characters.

/** What a packed state may grow to again: a link from a stranger shall not fill the memory. */
const MOST_UNPACKED_BYTES = 8 * 1024 * 1024;

/** {view, item, parameters} of `#tools/<item>?a=b`; the item is decoded. */
export function readAddress(hash = location.hash) {
  const [path, query = ""] = split(hash.replace(/^#/, ""), "?");
  const [view, item = ""] = split(path, "/");
  return { view, item: decoded(item), parameters: new URLSearchParams(query) };
}

export function writeAddress(view, item = "", parameters = null) {
  const query = parameters ? String(parameters) : "";
  return `#${view}${item ? `/${encodeURIComponent(item)}` : ""}${query ? `?${query}` : ""}`;
}

/** Note the state of the view that is shown, without a step in the browser's history. */
export function replaceAddress(address) {
  if (location.hash !== address) history.replaceState(null, "", address);
}

/** Compress a state to the letters of an address. */
export async function packed(state) {
  const stream = new Blob([JSON.stringify(state)]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** What `packed` packed; throws where it is damaged or too large. */
export async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  const parts = [];
  for (let length = 0; ;) {
    const { done, value } = await reader.read();
    if (done) return JSON.parse(await new Blob(parts).text());
    length += value.length;
    if (length > MOST_UNPACKED_BYTES) throw new RangeError("too large");
    parts.push(value);
  }
}

function split(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
