// The condition of a station: whether its instruments can be believed, apart from the grades of its trays.

let conditions = new Map(); // by station: { state, faults, trays_to_learn, … } as the server lists it

const faultsOf = (id) => list(conditions.get(id)?.faults);

// The faults that last and for which a tray that was read at a time is doubtful.
const doubtsOf = (id, at) => faultsOf(id).filter(({ doubtful, since }) => doubtful === true && Date.parse(since) <= at);

const nameOf = (fault) => bilingual(fault.name) || word(fault.cause);

// All of a condition that the card shows.
const conditionKey = (condition) => JSON.stringify([condition?.state, condition?.trays_to_learn, list(condition?.faults).map(({ cause, since }) => [cause, since])]);

async function loadConditions() {
  const found = new Map();
  let next = "";
  do {
    const { ok, body } = await ask(`api/v1/stations?limit=500${next}`);
    if (!ok || situation.signedOut) return;
    const items = list(body?.items);
    for (const item of items) if (typeof item?.device_id === "string") found.set(item.device_id, item);
    next = items.length && body.next ? `&after=${encodeURIComponent(body.next)}` : "";
  } while (next && found.size < MOST_STATIONS);
  const before = conditions;
  conditions = found;
  for (const station of inOrder) if (conditionKey(before.get(station.id)) !== conditionKey(found.get(station.id))) station.headChanged();
}

function faultItem(fault) {
  return el("li", "fault", sign("warning"), el("b", "", t("faultSince", { name: nameOf(fault), time: minute(fault.since) })), " ", bilingual(fault.advice));
}

function learningText({ trays_to_learn: left }) {
  if (!finite(left)) return t("learning");
  return left === 1 ? t("learningOne") : t("learningMore", { n: number(left, 0) });
}

function conditionItems(condition) {
  const faults = list(condition?.faults);
  if (faults.length) return faults.map(faultItem);
  if (condition?.state === "well") return [el("li", "well", sign("well"), t("stationWell"))];
  if (condition?.state === "learning") return [el("li", "learning", sign("learning"), learningText(condition))];
  return [];
}

function buildCondition(station) {
  const node = el("ul", "condition");
  node.setAttribute("role", "list");
  node.dataset.i18nLabel = "condition";
  let shown = "";

  // A text that stays is not written anew: a reader may be at it.
  function update() {
    const condition = conditions.get(station.id);
    const key = lang + conditionKey(condition);
    if (key === shown) return;
    shown = key;
    node.replaceChildren(...conditionItems(condition));
  }
  return { node, update };
}
