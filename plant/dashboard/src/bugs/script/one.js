// One bug: its state and what can be done about it, its fields, and where it leads to.

let one = null; // { bug, comments, tag, attachments, entries, next }

// A time with its day, also if that is today.
function moment(time) {
  const at = Date.parse(time);
  return at ? format(Intl.DateTimeFormat, { dateStyle: "short", timeStyle: "short", hourCycle: "h23" }).format(at) : NONE;
}

const timesText = (count) => (count === 1 ? t("once") : t("times", { n: countText(count) }));

/* ---------- What it says ---------- */

// The card of the device on the live page, and there the tray.
function liveHref(device, tray) {
  const place = beside("./");
  place.hash = String(new URLSearchParams({ device, ...(tray ? { tray } : {}) }));
  return place.href;
}

const linkTo = (href, said) => Object.assign(el("a", "fact-link", el("bdi", "", said)), { href });

// The titles of bugs that this one names; until one is read, the beginning of the id stands for it.
const titles = new Map();
const MOST_TITLES = 10;

const bugLinks = (ids) => ids.flatMap((id, i) => [...(i ? [", "] : []), UUID.test(id) ? Object.assign(linkTo(bugHref(id), titles.get(id) ?? id.slice(0, 8)), { title: id }) : id]);

async function nameLinks(bug) {
  const linked = [...new Set([bug.duplicate_of, ...bug.blocks, ...bug.relates_to])].filter((id) => UUID.test(id) && !titles.has(id)).slice(0, MOST_TITLES);
  if (!linked.length) return;
  await Promise.all(linked.map(async (id) => {
    try { titles.set(id, (await loadBug(id)).bug.title); } catch { /* the beginning of its id stands for it */ }
  }));
  if (one?.bug === bug) drawFacts(bug);
}

function seenText({ count, devices, first_seen: first, last_seen: last }) {
  const often = timesText(count);
  const times = devices === 1 ? t("onDevice", { times: often }) : devices > 1 ? t("onDevices", { times: often, n: countText(devices) }) : often;
  return moment(first) === moment(last) ? t("seenAt", { times, time: moment(last) }) : t("seenFrom", { times, first: moment(first), last: moment(last) });
}

function regressedText({ regressed_in: firmware, regressed_at: at }) {
  if (!at) return null;
  return firmware ? t("regressed", { firmware, time: moment(at) }) : t("regressedUnknown", { time: moment(at) });
}

function factsOf(bug) {
  const { group } = bug;
  const device = bug.device_id && linkTo(liveHref(bug.device_id), bug.device_id);
  const sample = bug.sample_id && (bug.device_id ? linkTo(liveHref(bug.device_id, bug.sample_id), bug.sample_id) : bug.sample_id);
  const firmware = bug.firmware_version && linkTo(here(new URLSearchParams({ firmware_version: bug.firmware_version })), bug.firmware_version);
  const tags = bug.tags.flatMap((tag, i) => [...(i ? [", "] : []), linkTo(here(new URLSearchParams({ tag })), tag)]);
  return [
    ["assignee", [bug.assignee || t("noAssignee")]], ["priority", [word(bug.priority)]], ["category", [bug.category && word(bug.category)]],
    ["device_id", [device]], ["sample_id", [sample]], ["firmware_version", [firmware]], ["profile", [bug.profile]], ["rollout", [bug.rollout]],
    ["tags", tags], ["watchers", [bug.watchers.join(", ")]],
    ["duplicate_of", bugLinks([bug.duplicate_of].filter(Boolean))], ["blocks", bugLinks(bug.blocks)], ["relates_to", bugLinks(bug.relates_to)],
    ["seen", [group && seenText(group)]], ["reported_by", [bug.reported_by]], ["reported_by_email", [bug.reported_by_email]], ["source", [bug.source && word(bug.source)]],
    ["created_at", [moment(bug.created_at)]], ["updated_at", [moment(bug.updated_at)]], ["ended_at", [bug.ended_at && moment(bug.ended_at)]],
    ["reopened", [bug.reopened > 0 && timesText(bug.reopened)]],
  ].map(([name, values]) => [name, values.filter(Boolean)]).filter(([, values]) => values.length);
}

function drawFacts(bug) {
  page["one-facts"].replaceChildren(...factsOf(bug).map(([name, values]) => {
    const node = el("div", "fact", label("dt", name), el("dd", "", ...values));
    node.dataset.fact = name;
    return node;
  }));
}

/* ---------- What is done about it ---------- */

function deedButton(said, action, kind = "button") {
  const button = el("button", kind, said);
  button.type = "button";
  button.addEventListener("click", () => action(button));
  return button;
}

async function patchNow(patch) {
  const { bug, tag } = one;
  await changeBug(bug.id, tag, patch);
  tell(t("saved"));
  await refresh();
}

function moveTo(status, button) {
  const said = t(transitionWords(one.bug.status, status));
  if (needsWhy(one.bug.status, status)) askWhy(said, (why) => patchNow({ status, why }));
  else doOnce(button, page["one-problem"], () => patchNow({ status }));
}

function drawDeeds(bug) {
  const moves = (TRANSITIONS[bug.status] ?? []).map((status) => {
    const button = deedButton(t(transitionWords(bug.status, status)), (pressed) => moveTo(status, pressed));
    button.dataset.to = status;
    return button;
  });
  const mine = whoLooks.name && whoLooks.name !== bug.assignee
    ? [deedButton(t("assignMe"), (pressed) => doOnce(pressed, page["one-problem"], () => patchNow({ assignee: whoLooks.name })))] : [];
  page.transitions.replaceChildren(...moves, ...mine);
}

const why = { action: null };

function askWhy(said, action) {
  why.action = action;
  page["ask-why-title"].textContent = said;
  page["ask-why-send"].textContent = said;
  page["ask-why-problem"].textContent = "";
  page.why.value = "";
  page["ask-why"].showModal();
}

page["ask-why"].querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  doOnce(page["ask-why-send"], page["ask-why-problem"], async () => {
    await why.action(page.why.value.trim());
    page["ask-why"].close();
  });
});
page["ask-why-cancel"].addEventListener("click", () => page["ask-why"].close());

page["edit-form"].addEventListener("submit", (event) => {
  event.preventDefault();
  doOnce(page["edit-send"], page["edit-problem"], async () => {
    const patch = patchOf(one.bug, written(page["edit-fields"]));
    if (!Object.keys(patch).length) { tell(t("nothingChanged")); return; }
    await patchNow(patch);
    page.edit.open = false;
    page["one-title"].focus();
  });
});
// The form begins with what the bug says when it is opened, and a change of another person does not write over it.
page.edit.addEventListener("toggle", () => {
  if (page.edit.open) page["edit-fields"].replaceChildren(...fieldsOf("edit", EDIT_FIELDS, (name) => one.bug[name]));
});

/* ---------- Drawing ---------- */

function drawMissing() {
  page.missing.hidden = false;
  document.title = `${t("bugNotFound")} · SQAL`;
}

function drawOne() {
  page.one.hidden = one === null;
  if (one === null) return;
  const { bug } = one;
  document.title = `${bug.title} · SQAL`;
  page["one-title"].textContent = bug.title;
  const regressed = bug.group && regressedText(bug.group);
  page["one-state"].replaceChildren(severityMark(bug.severity), " ", el("span", "state", word(bug.status)), ...(regressed ? [" ", el("span", "doubt", regressed)] : []));
  page["one-state"].dataset.status = bug.status;
  drawDeeds(bug);
  drawFacts(bug);
  page["one-description"].textContent = bug.description;
  page.steps.hidden = !bug.reproduction_steps;
  page["one-steps"].textContent = bug.reproduction_steps;
  drawComments();
  drawAttachments();
  drawHistory();
}

async function loadOne() {
  if (view.id === null) { drawMissing(); return; }
  try {
    const [read, { entries, next: after }] = await Promise.all([loadBug(view.id), loadHistory(view.id, 0)]);
    one = { ...read, entries, next: after };
  } catch (refusal) {
    if (refusal.status !== 404) throw refusal;
    one = null;
    drawMissing();
  }
  drawOne();
  if (one) nameLinks(one.bug);
}

// Reads the bug again after a change; a focus that was on a button which is gone goes to the title.
async function refresh() {
  if (view.kind !== "one") return;
  const had = page.transitions.contains(document.activeElement);
  try { await loadOne(); } catch (refusal) { tellRefusal(refusal); }
  if (had) page["one-title"].focus();
}
