// Making and changing elements. Names come from configs and clients: everything becomes text, and nothing
// in this page makes markup of text.

/** byId gives the element with an id; that there is one is the page's affair. */
export const byId = (id) => document.getElementById(id);

/**
 * h makes an element: attributes by their names (false, null and undefined are left out, true is the bare attribute; "class" too),
 * then children: nodes, texts, numbers, lists of them; null and false are left out.
 */
export function h(tag, attributes = {}, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    el.setAttribute(name, value === true ? "" : value);
  }
  el.append(...children.flat(9).filter((c) => c !== null && c !== undefined && c !== false));
  return el;
}

/** setText changes an element's text if it is another: what stays costs no layout and moves no selection. */
export function setText(el, text) {
  const s = String(text);
  if (el.textContent !== s) el.textContent = s;
}

/** setAttr changes an attribute if it is another; null takes it away. */
export function setAttr(el, name, value) {
  if (value === null || value === undefined || value === false) {
    if (el.hasAttribute(name)) el.removeAttribute(name);
  } else if (el.getAttribute(name) !== String(value)) {
    el.setAttribute(name, value);
  }
}

/** show shows an element or hides it. */
export function show(el, visible) {
  if (el.hidden === visible) el.hidden = !visible;
}

/**
 * Rows keeps the children of `parent` in step with a list: an item keeps its element (by key), so that focus, selection and
 * scrolling survive an update. make(item) gives a new element, update(element, item) fills it.
 */
export class Rows {
  #byKey = new Map();

  constructor(parent, make, update) {
    Object.assign(this, { parent, make, update });
  }

  set(items, key) {
    const gone = new Set(this.#byKey.keys());
    let at = this.parent.firstElementChild;
    for (const item of items) {
      const k = key(item);
      let el = this.#byKey.get(k);
      if (!el) this.#byKey.set(k, (el = this.make(item)));
      gone.delete(k);
      if (el === at) at = at.nextElementSibling;
      else this.parent.insertBefore(el, at);
      this.update(el, item);
    }
    for (const k of gone) {
      this.#byKey.get(k).remove();
      this.#byKey.delete(k);
    }
  }
}

/** badge makes a state's mark: a word, with a colour for its kind (good, warn, bad, none). */
export function badge(text, kind) {
  const el = h("span", { class: "badge" });
  setBadge(el, text, kind);
  return el;
}

/** setBadge changes it. */
export function setBadge(el, text, kind) {
  setText(el, text);
  setAttr(el, "data-kind", kind);
}
