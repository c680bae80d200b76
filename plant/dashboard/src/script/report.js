// Bugs on the live page: how many are not ended, and links to the form for a new one, filled in from a station or from a rejected tray.

const BUGS_MS = 60_000;
const MOST_IN_TITLE = 200; // characters that the server takes
const MOST_IN_LINK = 1500; // characters of a description: a link has its length

const hasBugs = !page.bugs.hidden;

const cut = (text, most) => {
  const characters = [...text];
  return characters.length > most ? `${characters.slice(0, most - 1).join("")}…` : text;
};

// The address of the form with these fields; those without a value are left out.
function formHref(fields) {
  const form = beside("bugs");
  form.searchParams.set("new", "1");
  for (const [name, value] of Object.entries(fields)) if (typeof value === "string" && value.trim()) form.searchParams.set(name, value);
  return form.href;
}

const isRejected = ({ grade, calibration }) => grade === "REJECT" && !calibration;

function fieldsOfTray(entry) {
  const reasons = reasonsOf(entry);
  const explanation = entry.sample ? bilingual(entry.sample.fusion?.explanation) : "";
  return {
    device_id: entry.device, sample_id: entry.id, firmware_version: entry.firmware, profile: entry.profile.name,
    title: cut(t("rejectedTray", { reasons: reasons.join(" · ") }), MOST_IN_TITLE),
    description: cut([trayLine(entry), ...reasons, explanation].filter(Boolean).join("\n"), MOST_IN_LINK),
  };
}

function fieldsOfStation(station) {
  const faults = faultsOf(station.id);
  const lines = faults.map((fault) => t("faultSince", { name: nameOf(fault), time: minute(fault.since) }));
  return {
    device_id: station.id, firmware_version: station.entries[0]?.firmware,
    title: faults.length ? cut(faults.map(nameOf).join(" · "), MOST_IN_TITLE) : "", description: cut(lines.join("\n"), MOST_IN_LINK),
  };
}

function reportLink() {
  const link = label("a", "report", "button report");
  link.hidden = !hasBugs;
  return link;
}

// What the card shows is reported: the tray if it was rejected, else the station.
function aimAtCard(link, station) {
  if (!hasBugs) return;
  const latest = station.entries[0];
  const ofTray = latest && isRejected(latest);
  link.href = formHref(ofTray ? fieldsOfTray(latest) : fieldsOfStation(station));
  link.setAttribute("aria-label", ofTray ? t("reportTray", { tray: latest.sampleId ?? NONE, station: station.id }) : t("reportStation", { station: station.id }));
}

function linkOfTray(entry) {
  const link = label("a", "report", "link");
  link.href = formHref(fieldsOfTray(entry));
  link.setAttribute("aria-label", t("reportTray", { tray: entry.sampleId ?? NONE, station: entry.device }));
  return link;
}

let openBugs = null; // how many are not ended

function drawBugs() {
  page["bugs-open"].textContent = openBugs === null ? "" : t(openBugs < 2 ? "bugsOpenOne" : "bugsOpen", { n: number(openBugs, 0) });
}

function forgetBugs() {
  openBugs = null;
  drawBugs();
}

async function countBugs() {
  if (!hasBugs || situation.signedOut) return;
  try {
    const { ok, body } = await ask("api/v1/bugs/metrics/summary");
    const notEnded = ok ? body?.open_bugs + body?.in_progress_bugs : NaN;
    openBugs = finite(notEnded) ? notEnded : null;
  } catch { openBugs = null; }
  drawBugs();
}

/* ---------- Links from a bug to its station and its tray ---------- */

let wanted = null; // { device, tray } until the station has its card

function readWanted() {
  const asked = new URLSearchParams(location.hash.slice(1));
  wanted = asked.has("device") ? { device: asked.get("device"), tray: asked.get("tray") } : null;
  showWanted();
}

function showWanted() {
  const station = wanted && stations.get(wanted.device);
  if (!station) return;
  station.wanted = wanted.tray;
  wanted = null;
  station.node.scrollIntoView();
  station.node.focus({ preventScroll: true });
  station.changed();
}
