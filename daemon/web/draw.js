// How the page is changed: nothing is written that stands there already, so that focus and selection stay.

export function write(element, text) {
  if (element.textContent !== text)
    element.textContent = text;
}

export function make(name, className = "", text = "") {
  const element = document.createElement(name);
  if (className)
    element.className = className;
  if (text)
    element.textContent = text;
  return element;
}

export function widen(element, share) {
  element.style.width = `${Math.max(0, Math.min(1, share || 0)) * 100}%`;
}

// The rows of a table body, one for each key, made once and filled anew: what has the focus keeps it.
export function fillBody(body, items, keyOf, create, fill) {
  const old = new Map([...body.children].map(child => [child.dataset.key, child]));
  items.forEach((item, at) => {
    const key = keyOf(item);
    const line = old.get(key) ?? create(item);
    line.dataset.key = key;
    old.delete(key);
    fill(line, item);
    if (body.children[at] !== line)
      body.insertBefore(line, body.children[at] ?? null);
  });
  for (const line of old.values())
    line.remove();
}

export function cell(line, at, text, className) {
  const element = line.children[at];
  write(element, text);
  if (className !== undefined)
    element.className = className;
  return element;
}

export function nameOf(row) {
  if (row.id.startsWith("organic:"))
    return "no ad (organic)";
  return row.name ?? row.id;
}
