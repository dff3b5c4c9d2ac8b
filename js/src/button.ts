/** What an app's own button may be made of: text, icons and what styles and names them. */
const ELEMENTS = /^(button|span|div|i|b|em|strong|small|svg|g|path|line|circle|rect|polyline|polygon)$/;
const ATTRIBUTES = /^(class|id|title|type|role|aria-.+|data-.+|width|height|viewbox|d|fill|fill-.+|stroke|stroke-.+|points|transform|[cr][xy]?|[xy][12]?)$/;

/** The close button: the app's own, made from its HTML, or the default one. */
export function closeButton(html: string | undefined, style: string | undefined, close: () => void): Node {
  const content = html ? safeCopy(html) : document.createDocumentFragment();
  const own = content.querySelector("button");
  const button = own ?? document.createElement("button");
  button.type = "button";
  if (!own) {
    if (content.hasChildNodes()) button.append(content);
    else {
      button.className = "usher-x";
      button.textContent = "\u00d7";
    }
  }
  // A name is needed where the button shows only a sign.
  if (!/\p{L}/u.test(button.textContent ?? "") && !button.title && !button.hasAttribute("aria-label")) {
    button.setAttribute("aria-label", "Close");
  }
  if (style) button.style.cssText += ";" + style;
  button.addEventListener("click", close);
  return own ? content : button;
}

/** A style attribute goes under this name while it is parsed: under its own a strict CSP complains. */
const STYLE = "data-usher-style";

/** Builds the HTML anew from what is allowed, so that it needs nothing that a strict CSP forbids. */
function safeCopy(html: string): DocumentFragment {
  const copy = document.createDocumentFragment();
  try {
    const renamed = html.replace(/\sstyle(?=\s*=)/gi, " " + STYLE);
    copyInto(copy, new DOMParser().parseFromString(renamed, "text/html").body);
  } catch (error) {
    console.warn("usher: closeButtonSettings.button cannot be used here", error); // Trusted Types are enforced
  }
  return copy;
}

function copyInto(target: Node, source: Node): void {
  for (const node of source.childNodes) {
    if (node instanceof Text) target.appendChild(document.createTextNode(node.data));
    if (!(node instanceof Element) || !ELEMENTS.test(node.localName)) continue;
    const made = document.createElementNS(node.namespaceURI, node.localName) as HTMLElement | SVGElement;
    for (const { name, value } of node.attributes) {
      if (name === STYLE) made.style.cssText = value;
      else if (ATTRIBUTES.test(name.toLowerCase())) made.setAttribute(name, value);
    }
    copyInto(made, node);
    target.appendChild(made);
  }
}
