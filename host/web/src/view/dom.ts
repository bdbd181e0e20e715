// The few functions that the page needs to make and find elements.

/** The element of the page with this id. Throws when there is none: then page and script do not belong together. */
export function byId<T extends Element = HTMLElement>(id: string): T {
  const found = document.getElementById(id)
  if (!found) throw new Error(`the page has no #${id}`)
  return found as unknown as T
}

type Attributes = Record<string, string | number | boolean | undefined>

/** Makes an HTML element. Attributes that are false or undefined are left out. Those that are true are empty. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name)
  setAttributes(made, attributes)
  made.append(...children)
  return made
}

/** Makes an SVG element. */
export function svg(name: string, attributes: Attributes = {}, ...children: (Node | string)[]): SVGElement {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name)
  setAttributes(made, attributes)
  made.append(...children)
  return made
}

/** Sets the text of an element. Costs nothing if the text is the same. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text
}

function setAttributes(target: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined && value !== false) target.setAttribute(name, value === true ? "" : String(value))
}
