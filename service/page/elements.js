// Builds what is shown. Text from outside only ever becomes a text node or the value of an attribute, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element; attributes that are null or false are left out, children are nodes or text. */
export function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same in SVG. */
export function shape(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

export function byId(id) {
  return document.getElementById(id);
}

/** A table with a caption; the first cell of each row is its heading. Cells are texts or nodes. */
export function table(caption, headings, rows) {
  return element(
    "table",
    {},
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, ...headings.map((text) => element("th", { scope: "col" }, text)))),
    element("tbody", {}, ...rows.map((cells) => element("tr", {}, ...cells.map(tableCell)))),
  );
}

export function tableCell(content, place) {
  return place ? element("td", {}, content) : element("th", { scope: "row" }, content);
}

/** Pairs for a list of terms and what they are. */
export function terms(pairs) {
  return pairs.map(([term, ...told]) =>
    element("div", {}, element("dt", {}, term), ...told.map((text) => element("dd", {}, text))),
  );
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      Object.entries(value).forEach(([event, listener]) => node.addEventListener(event, listener));
    } else if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(name, value === true ? "" : value);
    }
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}
