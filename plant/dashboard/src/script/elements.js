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

function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
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
