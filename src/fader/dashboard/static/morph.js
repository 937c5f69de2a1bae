// Make one element like another and keep what is the same: focus, open panels, half-typed reasons, running transitions.
// Children are matched by id or data-key, else in order by their name. `data-keep` is left alone, and whether a
// <details> stands open is the reader's.
const keyOf = (node) => (node.nodeType === 1 ? node.id || node.dataset?.key || "" : "");
const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);

export function morphChildren(from, to) {
  const keyed = new Map();
  for (const child of from.children) if (keyOf(child)) keyed.set(keyOf(child), child);
  // What is gone goes first, so that what stays need not be moved: a moved element loses the focus.
  const stays = new Set([...to.children].map(keyOf));
  for (const [key, child] of keyed) if (!stays.has(key)) child.remove();
  let at = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const key = keyOf(wanted);
    let match = null;
    if (key) {
      const held = keyed.get(key);
      if (held && alike(held, wanted)) match = held;
    } else if (at && alike(at, wanted)) match = at;
    if (key && match) while (at && at !== match && !keyOf(at)) { const next = at.nextSibling; at.remove(); at = next; }
    if (!match) { from.insertBefore(wanted, at); continue; }
    if (match === at) at = at.nextSibling;
    else from.insertBefore(match, at);
    morph(match, wanted);
  }
  while (at) { const next = at.nextSibling; at.remove(); at = next; }
}

function morph(from, to) {
  if (from.nodeType !== 1) { if (from.data !== to.data) from.data = to.data; return; }
  if (from.hasAttribute("data-keep")) return;
  for (const { name, value } of [...to.attributes]) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && !(name === "open" && from.nodeName === "DETAILS")) from.removeAttribute(name);
  }
  morphChildren(from, to);
}
