// The fields of the forms for a new bug and for a change.

const LISTS = { tags: "commas", watchers: "commasMale", blocks: "idsCommas", relates_to: "idsCommas" };
const LONG = { description: 6, reproduction_steps: 4 };
const REQUIRED = ["title", "description", "severity", "priority"];
const NEW_FIELDS = ["title", "description", "severity", "priority", "category", "device_id", "sample_id", "firmware_version"];
const MORE_FIELDS = ["profile", "rollout", "tags", "reproduction_steps", "reported_by", "reported_by_email"];
const EDIT_FIELDS = ["title", "description", "reproduction_steps", "severity", "priority", "category", "assignee", "tags", "watchers", "device_id", "sample_id",
  "firmware_version", "profile", "rollout", "duplicate_of", "blocks", "relates_to"];
const LONGEST_TITLE = 200;

const splitList = (written) => [...new Set(written.split(",").map((one) => one.trim()).filter(Boolean))];

function captionOf(name) {
  const named = Object.hasOwn(LISTS, name) ? t(LISTS[name], { name: t(name) }) : name === "duplicate_of" ? t("idOf", { name: t(name) }) : t(name);
  return REQUIRED.includes(name) ? t("required", { name: named }) : named;
}

function inputOf(name, value) {
  if (name === "severity" || name === "priority") return choice(name, CHOICES[name], value || "medium", null);
  const input = Object.hasOwn(LONG, name) ? Object.assign(el("textarea"), { rows: LONG[name] }) : Object.assign(el("input"), { type: name === "reported_by_email" ? "email" : "text", autocomplete: "off" });
  if (name === "title") input.maxLength = LONGEST_TITLE;
  if (name === "category") input.setAttribute("list", "categories");
  input.value = Array.isArray(value) ? value.join(", ") : value;
  return input;
}

function fieldOf(form, name, value) {
  const input = Object.assign(inputOf(name, value), { id: `${form}-${name}`, name, required: REQUIRED.includes(name) });
  const caption = el("label", "", captionOf(name));
  caption.htmlFor = input.id;
  caption.dataset.of = name;
  return el("div", `field${Object.hasOwn(LONG, name) || name === "title" ? " wide-field" : ""}`, caption, input);
}

// The fields of a form; what the severities mean stands before their choice.
function fieldsOf(form, names, valueOf) {
  return names.flatMap((name) => {
    const field = fieldOf(form, name, valueOf(name));
    if (name !== "severity") return [field];
    const hint = Object.assign(label("p", "severityHint", "detail wide-field"), { id: `${form}-severity-hint` });
    field.querySelector("select").setAttribute("aria-describedby", hint.id);
    return [hint, field];
  });
}

// The categories that a person may choose from; others may be written.
async function offerCategories() {
  try {
    page.categories.replaceChildren(...(await loadCategories()).map((name) => option(name, word(name))));
  } catch { /* a person may write one */ }
}

// The captions anew, in another language; what was written stays.
function drawCaptions(box) {
  for (const caption of box.querySelectorAll("label[data-of]")) caption.textContent = captionOf(caption.dataset.of);
  for (const node of box.querySelectorAll("select")) for (const one of node.options) one.textContent = word(one.value);
}

// What a form says, by field.
const written = (box) => Object.fromEntries([...box.querySelectorAll("[name]")].map(({ name, value }) =>
  [name, Object.hasOwn(LISTS, name) ? splitList(value) : value.trim()]));

const isEmpty = (value) => value.length === 0;

const filled = (fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value)));

// What differs from a bug, as a merge patch (RFC 7396): null clears a field.
function patchOf(bug, fields) {
  const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
  const differs = Object.entries(fields).filter(([name, value]) => !same(typeof bug[name] === "string" ? bug[name].trim() : bug[name], value));
  return Object.fromEntries(differs.map(([name, value]) => [name, isEmpty(value) ? null : value]));
}

/* ---------- A new bug ---------- */

const sending = { text: "", key: "", id: null };

// The bug is there, also if the file is refused: the form keeps to the file, and leads to the bug.
async function attachToNew(id, file) {
  try { await addAttachment(id, file); } catch ({ message }) {
    sending.id = id;
    page["new-fields"].disabled = true;
    Object.assign(page["new-made"], { href: bugHref(id), hidden: false });
    throw new Error(t("notAttached", { name: file.name, why: message }));
  }
}

function buildNew() {
  const { given } = view;
  const value = (name) => (name === "tags" ? splitList(given.tags ?? "") : given[name] ?? "");
  const fields = (names) => fieldsOf("new", names, value);
  page["new-fields"].replaceChildren(...fields(NEW_FIELDS),
    el("details", "wide-field", label("summary", "moreFields"), el("div", "field-grid", ...fields(MORE_FIELDS))));
  const empty = [...page["new-fields"].querySelectorAll("[required]")].find((input) => !input.value);
  (empty ?? page["new-send"]).focus();
}

// A field that the browser refuses must be in view.
page["new-fields"].addEventListener("invalid", ({ target }) => { target.closest("details")?.setAttribute("open", ""); }, true);

page["new-form"].addEventListener("submit", (event) => {
  event.preventDefault();
  doOnce(page["new-send"], page["new-problem"], async () => {
    const fields = filled(written(page["new-fields"]));
    // Sending again after a lost answer makes no second bug.
    const said = JSON.stringify(fields);
    if (said !== sending.text) Object.assign(sending, { text: said, key: newKey() });
    const [file] = page["new-file"].files;
    if (file) checkSize(file);
    const id = sending.id ?? await createBug(fields, sending.key);
    if (!UUID.test(id)) return;
    if (file) await attachToNew(id, file);
    location.replace(bugHref(id));
  });
});
