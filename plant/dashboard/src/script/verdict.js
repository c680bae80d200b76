// The head of a card: the grade, the station, the score, and the reasons in the words of the plant.

// Filled steps tell the grade without colour: four for A+ down to one for C, a cross for REJECT.
function gradeMark(grade) {
  const mark = svg("svg", { viewBox: "0 0 47 8", class: "pips", "aria-hidden": "true" });
  if (grade === "REJECT") {
    mark.append(svg("path", { d: "M20 0.5l7 7m0-7l-7 7", class: "cross" }));
    return mark;
  }
  const filled = GRADES.includes(grade) ? 4 - GRADES.indexOf(grade) : 0;
  for (let i = 0; i < 4; i += 1) {
    mark.append(svg("rect", { x: 1 + i * 12, y: 1, width: 9, height: 6, rx: 1.5, class: i < filled ? "pip on" : "pip" }));
  }
  return mark;
}

function stat(key) {
  const value = el("dd");
  return { node: el("div", "stat", label("dt", key), value), value };
}

const LEAST_COVERAGE = 0.75; // below this share of the evidence no grade better than B is given
const MOST_REASONS = 3; // as many lines as the card reserves

// What decided about a tray, in lines; a tray of which nothing is out of order has one line, too.
function reasonsOf(entry) {
  if (entry.calibration) return [t("calibrationFrame")];
  const profile = profileOf(entry);
  const outside = profile ? outOfLimits(entry.quantities, profile).map(limitText) : [];
  const defects = entry.graveDefects.map(({ kind, severity }) => `${word(kind)} (${word(severity).toLowerCase()})`);
  const unmeasurable = finite(entry.score) && !isMeasurable(entry.score, entry.u) ? [t("coversScale", { u: number(entry.u, 2) })] : [];
  const unmeasured = finite(entry.score) ? [] : [t("nothingMeasured")];
  const unseen = finite(entry.coverage) && entry.coverage < LEAST_COVERAGE ? [t("partUnseen", { n: percent(entry.coverage) })] : [];
  const reasons = [...unmeasured, ...outside, ...unmeasurable, ...unseen, ...defects];
  const sold = entry.grade !== "REJECT";
  if (!reasons.length && !profile && entry.profile.name) reasons.push(t("limitsUnknown", { profile: entry.profile.name }));
  if (!reasons.length) reasons.push(t(sold ? "withinLimits" : "notCertain"));
  return reasons;
}

function fewReasons(entry, doubts) {
  const doubt = doubts.length ? [t("doubtfulFor", { names: doubts.map(nameOf).join(", ") })] : [];
  const all = [...doubt, ...reasonsOf(entry)];
  if (all.length <= MOST_REASONS) return all;
  return [...all.slice(0, MOST_REASONS - 1), t("more", { n: all.length - MOST_REASONS + 1 })];
}

// Copies a text; where the browser keeps the clipboard to itself, the text is selected for Ctrl+C.
async function copyText(node, button) {
  try {
    await navigator.clipboard.writeText(node.textContent);
    button.textContent = t("copied");
    setTimeout(() => { button.textContent = t("copy"); }, 2000);
  } catch {
    getSelection().selectAllChildren(node);
  }
}

function buildDetails(station) {
  const explanation = el("p", "explanation");
  const sampleId = el("code", "sample-id");
  const copy = label("button", "copy", "button copy");
  copy.type = "button";
  copy.addEventListener("click", () => copyText(sampleId, copy));
  const doubtfulTrays = label("button", "doubtfulTrays", "button");
  doubtfulTrays.type = "button";
  doubtfulTrays.addEventListener("click", () => openDoubtful(station));
  const report = reportLink();
  const node = el("div", "more",
    el("details", "details", label("summary", "details"), explanation, el("p", "tray-id", label("span", "trayId"), " ", sampleId, " ", copy)),
    doubtfulTrays, report);
  aimAtCard(report, station);

  function updateState() {
    doubtfulTrays.hidden = !conditions.has(station.id);
  }

  function aim() {
    aimAtCard(report, station);
  }

  function update({ sample }) {
    explanation.textContent = unbroken(sample.fusion?.explanation?.[lang] ?? sample.fusion?.explanation?.en ?? NONE);
    sampleId.textContent = sample.sample_id ?? NONE;
  }
  return { node, update, updateState, aim };
}

function buildVerdict(station) {
  const badge = el("p", "grade");
  badge.setAttribute("role", "img");
  const state = el("span", "state");
  const time = el("time");
  const age = el("span", "age");
  const score = el("span", "score-value");
  const u = el("span", "score-u");
  const confidence = stat("confidence");
  const conformity = stat("conformity");
  const reasons = el("ul", "reasons");
  reasons.dataset.i18nLabel = "reasons";
  const condition = buildCondition(station);
  const details = buildDetails(station);
  const name = el("h3", "name", el("bdi", "", station.id));
  name.title = station.id;
  const node = el("header", "verdict", badge,
    el("div", "who", name, el("p", "when", state, " ", time, " ", age)),
    el("div", "score", el("p", "score-line", label("span", "score", "score-label"), " ", score, " ", u),
      el("dl", "stats", confidence.node, conformity.node)),
    el("div", "told", condition.node, reasons), details.node);

  // Whether the station sends, as the server says it.
  function stateText() {
    if (station.isCalibration) return t("calibration");
    if (station.presence !== "offline") return { online: t("online"), late: t("late") }[station.presence] ?? "";
    const since = station.silentSince();
    return since ? t("stoppedSince", { time: clock(since) }) : t("stopped");
  }

  function updateState() {
    const { presence } = station;
    state.textContent = stateText();
    condition.update();
    details.updateState();
    const latest = station.entries[0];
    if (!latest) {
      badge.textContent = NONE;
      badge.setAttribute("aria-label", pair(t("grade"), t("noTray")));
    }
    time.textContent = latest ? clock(latest.at) : t("noTray");
    if (latest?.at) time.dateTime = new Date(latest.at).toISOString();
    const seconds = latest ? Math.max(0, (Date.now() + serverAhead - latest.received) / 1000) : null;
    age.textContent = seconds === null || presence === "offline" ? "" : `· ${t("ago", { age: ageText(seconds) })}`;
  }

  function update(entry, doubts) {
    const { grade, calibration } = entry;
    const measurable = !calibration && isMeasurable(entry.score, entry.u);
    const digits = digitsFor(entry.u, 2);
    const doubt = doubts.length ? [el("span", "doubt", t("doubtful"))] : [];
    badge.replaceChildren(calibration ? t("calibrationMark") : word(grade), ...(calibration ? [] : [gradeMark(grade)]), ...doubt);
    badge.setAttribute("aria-label", [pair(t("grade"), calibration ? t("calibration") : word(grade)), ...(doubts.length ? [t("doubtful")] : [])].join(", "));
    const unmeasurable = !calibration && finite(entry.score) && !measurable;
    score.textContent = measurable ? number(entry.score, digits) : unmeasurable ? t("notMeasurable") : NONE;
    score.classList.toggle("no-score", unmeasurable);
    u.textContent = measurable ? uncertainty(entry.u, digits) : "";
    u.title = t("u");
    confidence.value.textContent = measurable ? chance(entry.confidence) : NONE;
    // A rejected tray conforms to nothing: its 100 % would read as praise.
    conformity.value.textContent = grade === "REJECT" || calibration ? NONE : chance(entry.conformity);
    reasons.replaceChildren(...fewReasons(entry, doubts).map((text) => el("li", "reason", text)));
    if (entry.sample) details.update(entry);
  }
  return { node, update, updateState, aim: details.aim, stateText };
}
