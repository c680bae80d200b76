// The list of bugs: its filters, which are links that can be kept, its rows and its pages.

let found = null; // the page of the list as the server gave it
const CHOICES = { status: [NOT_ENDED, ...STATUSES], severity: SEVERITIES, priority: PRIORITIES };

function option(value, said) {
  return Object.assign(el("option", "", said), { value });
}

function choice(name, values, chosen, empty) {
  const node = el("select", "", ...(empty === null ? [] : [option("", empty)]), ...values.map((value) => option(value, word(value))));
  node.value = chosen;
  node.name = name;
  return node;
}

function filterField(name) {
  const chosen = view.filters[name] ?? "";
  const input = CHOICES[name] ? choice(name, CHOICES[name], chosen, t(name === "status" ? "anyMale" : "any")) : Object.assign(el("input"), { name, type: name === "q" ? "search" : "text", value: chosen, autocomplete: "off" });
  input.id = `filter-${name}`;
  if (name === "category") input.setAttribute("list", "categories");
  const caption = label("label", name);
  caption.htmlFor = input.id;
  return el("div", "field", caption, input);
}

function drawFilters() {
  const send = label("button", "filter", "button primary");
  send.type = "submit";
  const without = Object.assign(label("a", "noFilter", "link"), { href: here("") });
  page.filters.replaceChildren(...FILTERS.map(filterField), el("div", "field-deeds", send, without));
}

page.filters.addEventListener("submit", (event) => {
  event.preventDefault();
  const filters = present(new URLSearchParams(new FormData(page.filters)), FILTERS);
  location.assign(here(listAddress({ ...view, filters, skip: 0 })));
});

/* ---------- Rows ---------- */

const COLUMNS = ["severity", "bug", "status", "priority", "device_id", "firmware_version", "created_at", "updated_at"];

function head(column) {
  const cell = el("th");
  cell.scope = "col";
  cell.dataset.column = column;
  if (!SORTS.includes(column)) { cell.append(t(column)); return cell; }
  const link = Object.assign(el("a", "sort", t(column)), { href: here(listAddress({ ...view, sort: nextSort(view.sort, column), skip: 0 })) });
  link.setAttribute("aria-label", t("sortBy", { name: t(column) }));
  if (view.sort.endsWith(column)) cell.setAttribute("aria-sort", view.sort.startsWith("-") ? "descending" : "ascending");
  cell.append(link);
  return cell;
}

function severityMark(severity) {
  const mark = el("span", "severity", word(severity));
  mark.dataset.severity = severity;
  return mark;
}

// A name that may be cut off shows itself whole under the pointer.
const whole = (tag, name) => Object.assign(el(tag, "", name || NONE), { title: name });

function row(bug) {
  const link = Object.assign(el("a", "title-link", bug.title), { href: bugHref(bug.id) });
  const { group } = bug;
  const marks = [group?.count > 1 && `${number(group.count, 0)}\u00a0×`, group?.regressed_at && t("regressedMark"), ...bug.tags].filter(Boolean).join(" · ");
  const cells = {
    severity: [severityMark(bug.severity)], bug: [link, ...(marks ? [" ", el("span", "detail", marks)] : [])], status: [word(bug.status)], priority: [word(bug.priority)],
    device_id: [whole("bdi", bug.device_id)], firmware_version: [whole("span", bug.firmware_version)],
    created_at: [minute(bug.created_at)], updated_at: [minute(bug.updated_at)],
  };
  const node = el("tr", "", ...COLUMNS.map((column) => {
    const cell = el(column === "bug" ? "th" : "td", "", ...cells[column]);
    if (column === "bug") cell.scope = "row";
    cell.dataset.column = column;
    return cell;
  }));
  node.dataset.bug = bug.id;
  return node;
}

const pageLink = (key, skip) => Object.assign(label("a", key, "button"), { href: here(listAddress({ ...view, skip })) });

function drawRows() {
  page.heads.replaceChildren(...COLUMNS.map(head));
  page["bugs-rows"].replaceChildren(...(found?.bugs ?? []).map(row));
  if (found === null) return;
  const { from, to, previous, next } = pagesOf({ ...view, ...found }, found.bugs.length);
  const said = found.isExact ? "found" : "foundMore";
  const order = view.filters.status === NOT_ENDED ? [t("openFirst")] : [];
  const shown = t(said, { from: number(from, 0), to: number(to, 0), total: number(found.total, 0) });
  page.found.textContent = found.bugs.length ? [shown, ...order].join(" · ") : t("noneFound");
  page.paging.replaceChildren(...(previous === null ? [] : [pageLink("previousPage", previous)]), ...(next === null ? [] : [pageLink("nextPage", next)]));
}

function drawList() {
  drawFilters();
  drawFigures();
  drawRows();
}

async function loadRows() {
  try {
    found = await loadList(view);
    tell("");
  } catch (refusal) { tellRefusal(refusal); }
  drawRows();
}
