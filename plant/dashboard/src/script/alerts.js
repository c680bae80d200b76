// The panel of alerts: what is wrong now, since when, and who works on it.

const MOST_ALERTS = 100; // in the panel
const ALERT_PAGES = 10; // a page can be short although another follows
const WATCH_MS = 15_000;
const alertRows = new Map(); // by the key of the alert
const alarms = { there: true, known: false, open: [], more: false, refusal: null };

async function loadAlerts() {
  const open = new Map(); // by key: an alert can be on two pages if another begins meanwhile
  let next = "";
  for (let page = 0; page < ALERT_PAGES && open.size < MOST_ALERTS; page += 1) {
    const answer = await ask(`api/v1/alerts?limit=${MOST_ALERTS}${next}`);
    if (situation.signedOut) return;
    alarms.there = answer.status !== 404;
    alarms.refusal = answer.ok ? null : answer;
    if (!answer.ok) break;
    for (const alert of list(answer.body?.items)) if (typeof alert?.key === "string") open.set(alert.key, alert);
    alarms.more = Boolean(answer.body?.next);
    next = `&after=${encodeURIComponent(answer.body?.next)}`;
    if (!alarms.more) break;
  }
  if (!alarms.there) alarms.open = [];
  if (!alarms.refusal) Object.assign(alarms, { known: true, open: [...open.values()].slice(0, MOST_ALERTS) });
  drawAlerts();
  drawSituation();
}

let watching = false;

// The stations and the alerts, each 15 s. A server without them is asked again when the stream opens anew.
async function watchLine() {
  if (watching || situation.signedOut || !alarms.there) return;
  watching = true;
  await Promise.allSettled([loadConditions(), loadAlerts()]);
  watching = false;
}

function forgetAlerts() {
  Object.assign(alarms, { known: false, open: [], more: false, refusal: null });
  conditions = new Map();
  drawAlerts();
}

// How many alerts wait for a person, beside those of the stations in a set, which are counted already.
function waitingAlerts(counted) {
  return alarms.open.filter(({ acknowledged, silenced, labels }) => !acknowledged && !silenced && !counted.has(labels?.device)).length;
}

/* ---------- Drawing ---------- */

function deedButton(kind, alertNow) {
  const button = label("button", DEEDS[kind].words, "button");
  button.type = "button";
  button.addEventListener("click", () => openDeed(kind, alertNow()));
  return button;
}

function buildAlert() {
  let alert = null;
  const [mark, severity, summary, when, description, acknowledged, cause] =
    [el("span", "mark"), el("span", "severity"), el("b", "alert-summary"), el("span", "detail"), el("p"), el("p", "detail"), el("p", "detail")];
  const [station, runbook] = [el("a", "link"), label("a", "runbook", "link")];
  Object.assign(runbook, { target: "_blank", rel: "noreferrer" });
  const deeds = el("div", "deeds", ...Object.keys(DEEDS).map((kind) => deedButton(kind, () => alert)));
  const head = el("summary", "alert-line", mark, severity, " ", summary, " ", when);
  const more = el("div", "alert-more", description, acknowledged, cause, el("p", "", station, " ", runbook), deeds);
  const node = el("li", "alert", el("details", "", head, more));
  translate(node);

  function update(now) {
    alert = now;
    const { severity: rank, labels, acknowledged: done, cause: why } = now;
    if (node.dataset.severity !== rank) mark.replaceChildren(sign(rank));
    node.dataset.severity = rank;
    const device = labels?.device;
    show(severity, word(rank));
    show(summary, bilingual(now.summary));
    const place = bilingual(now.summary).includes(device) ? "" : device;
    const who = done && t("acknowledgedBy", { name: done.by });
    show(when, [place, t("since", { time: minute(now.began) }), who, now.silenced && t("shelved")].filter(Boolean).join(" · "));
    show(description, bilingual(now.description));
    show(acknowledged, done ? `${pair(who, done.note)} (${minute(done.at)})` : null);
    show(cause, why ? `${pair(t("cause"), why.cause)} · ${pair(t("action"), why.action)} (${why.by}, ${minute(why.at)})` : null);
    const card = stations.get(device)?.node.id;
    show(station, card ? t("toStation", { name: device }) : null);
    station.href = `#${card}`;
    runbook.href = beside(`runbook/${encodeURIComponent(now.runbook)}`);
    runbook.hidden = !now.runbook;
    deeds.hidden = !mayAct();
  }
  return { node, update };
}

function countText() {
  const { known, open, more, refusal } = alarms;
  if (refusal) return t("alertsUnread", { why: refusalText(refusal) });
  if (!open.length) return known ? t("noAlert") : "";
  const critical = open.filter(({ severity }) => severity === "critical").length;
  const parts = [t("alertsOpen", { n: number(open.length, 0) }), critical && t("alertsCritical", { n: number(critical, 0) }), more && t("alertsMore")];
  return parts.filter(Boolean).join(" · ");
}

// Rows that stay are not moved, so that what is open, or in focus, remains so.
function drawAlerts() {
  const { there, open } = alarms;
  page.alerts.hidden = !there;
  page.alerts.dataset.worst = open.some(({ severity }) => severity === "critical") ? "critical" : open.length ? "warning" : "";
  if (page["alert-count"].textContent !== countText()) page["alert-count"].textContent = countText();
  const keys = new Set(open.map(({ key }) => key));
  for (const [key, { node }] of alertRows) {
    if (keys.has(key)) continue;
    if (node.contains(document.activeElement)) page["alerts-title"].focus();
    node.remove();
    alertRows.delete(key);
  }
  let place = page["alert-list"].firstElementChild;
  for (const alert of open) {
    if (!alertRows.has(alert.key)) alertRows.set(alert.key, buildAlert());
    const { node, update } = alertRows.get(alert.key);
    update(alert);
    if (node === place) place = place.nextElementSibling;
    else page["alert-list"].insertBefore(node, place);
  }
}
