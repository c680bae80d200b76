// The list of the trays of a station that were judged while an instrument was at fault, page by page.

const DOUBTFUL_A_PAGE = 20;
const EMPTY_PAGES = 10; // a page can be empty although another follows
const doubtful = { dialog: document.querySelector("#doubtful"), station: null, next: "", names: new Map(), opened: 0, busy: false };

function doubtfulItem(sample) {
  const entry = entryOf(sample);
  const names = list(sample.causes).map((cause) => doubtful.names.get(cause) ?? word(cause));
  const item = el("li", "tray-line", trayLine(entry), el("span", "detail", ` · ${names.join(" · ")}`));
  item.dataset.g = entry.grade;
  return item;
}

const doubtfulPart = (name) => doubtful.dialog.querySelector(`#doubtful-${name}`);

// The causes of the server have their names in its list of faults.
async function loadCauses(path) {
  const { body } = await ask(`${path}/faults?limit=500`);
  for (const fault of list(body?.items)) doubtful.names.set(fault.cause, nameOf(fault));
}

async function loadDoubtful() {
  const { opened } = doubtful;
  const path = `api/v1/stations/${encodeURIComponent(doubtful.station.id)}`;
  const [trays, more, told] = ["trays", "next", "told"].map(doubtfulPart);
  const is = (text) => { told.textContent = text; };
  is(t("loading"));
  doubtful.busy = true;
  try {
    if (!doubtful.names.size) await loadCauses(path);
    for (let page = 0, found = 0; page < EMPTY_PAGES && !found; page += 1) {
      const answer = await ask(`${path}/doubtful?limit=${DOUBTFUL_A_PAGE}${doubtful.next}`);
      if (opened !== doubtful.opened) return;
      if (!answer.ok) { is(refusalText(answer)); return; }
      const items = list(answer.body?.items);
      const { next } = answer.body;
      found = items.length;
      trays.append(...items.map(doubtfulItem));
      doubtful.next = next ? `&before=${encodeURIComponent(next)}` : "";
      more.hidden = !next;
      if (!next) break;
    }
    is(trays.childElementCount || doubtful.next ? "" : t("noDoubtful"));
    if (more.hidden) doubtfulPart("close").focus();
  } catch {
    if (opened === doubtful.opened) is(t("serverAwayAtOnce"));
  } finally {
    if (opened === doubtful.opened) doubtful.busy = false;
  }
}

function openDoubtful(station) {
  Object.assign(doubtful, { station, next: "", names: new Map(), opened: doubtful.opened + 1 });
  doubtfulPart("title").textContent = t("doubtfulOf", { station: station.id });
  doubtfulPart("trays").replaceChildren();
  doubtfulPart("next").hidden = true;
  doubtful.dialog.showModal();
  loadDoubtful();
}

doubtfulPart("next").addEventListener("click", () => { if (!doubtful.busy) loadDoubtful(); });
doubtfulPart("close").addEventListener("click", () => doubtful.dialog.close());
