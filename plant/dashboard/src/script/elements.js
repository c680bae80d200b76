// Building blocks: elements, panels, and marks that pointer and arrow keys explore.

// Only textContent and attributes are ever written, so text from a device can never become markup.
function el(tag, className = "", ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

function label(tag, key, className) {
  const node = el(tag, className, t(key));
  node.dataset.i18n = key;
  return node;
}

// A text that stays is not written anew; null hides the node.
function show(node, text) {
  node.hidden = text === null;
  if (text !== null && node.textContent !== text) node.textContent = text;
}

function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// Makes these the children of a box. Children that stay are not moved, so that what is open, or in focus, remains so.
function keepInPlace(box, children) {
  const staying = new Set(children);
  for (const child of [...box.children]) if (!staying.has(child)) child.remove();
  let place = box.firstElementChild;
  for (const child of children) {
    if (child === place) place = place.nextElementSibling;
    else box.insertBefore(child, place);
  }
}

function panel(name, titleKey, ...children) {
  // A group, not a region: twenty stations would have twenty landmarks of each name.
  const node = el("div", `panel ${name}`, label("h4", titleKey), ...children);
  node.setAttribute("role", "group");
  node.dataset.i18nLabel = titleKey;
  return node;
}

// One tab stop for a whole set of marks; arrows move inside it. `show` gets the index under the pointer or focus, else -1.
function explorable(box, marks, columns, show) {
  const indexOf = (target) => marks.indexOf(target.closest?.("[data-mark]"));
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -marks.length, End: marks.length };
  marks.forEach((mark, i) => { mark.dataset.mark = ""; mark.tabIndex = i === 0 ? 0 : -1; });
  box.addEventListener("pointerover", (event) => show(indexOf(event.target)));
  box.addEventListener("pointerleave", () => show(marks.indexOf(document.activeElement)));
  box.addEventListener("focusin", (event) => {
    marks.forEach((mark) => { mark.tabIndex = mark === event.target ? 0 : -1; });
    show(indexOf(event.target));
  });
  box.addEventListener("focusout", () => show(-1));
  box.addEventListener("keydown", (event) => {
    const from = indexOf(event.target);
    if (from < 0 || !Object.hasOwn(steps, event.key)) return;
    event.preventDefault();
    const to = from + steps[event.key];
    const far = Math.abs(steps[event.key]) === marks.length;
    if (far || (to >= 0 && to < marks.length)) marks[clamp(to, 0, marks.length - 1)].focus();
  });
}
