// The recent trays of a station: a curve of scores, a tick for each, and the same as a list for keyboard, touch and screen readers.

// A tick's height tells the grade without colour; REJECT hangs below the line.
function tick(entry, x) {
  const { grade, calibration } = entry;
  const rank = GRADES.indexOf(grade);
  const rejected = grade === "REJECT" && !calibration;
  const grown = rank < 0 || calibration ? 1 : 13 - rank * 3;
  const height = rejected ? 7 : grown;
  const node = svg("rect", { class: "tick", x: x + 0.12, width: 0.76, y: rejected ? 15 : 14 - height, height });
  node.dataset.g = calibration ? "" : grade;
  node.append(svg("title", {}, trayLine(entry)));
  return node;
}

// Time, grade, score and id of a tray, as the tick and the list have them.
function trayLine(entry) {
  const parts = [clock(entry.at), entry.calibration ? t("calibration") : word(entry.grade), scoreText(entry.score, entry.u), entry.sampleId];
  return parts.filter((part) => part && part !== NONE).join(" · ");
}

const shownScore = (entry) => (!entry.calibration && isMeasurable(entry.score, entry.u) ? entry.score : null);

function sparkPaths(entries, start) {
  const scores = entries.map(shownScore);
  const valid = scores.filter(finite);
  const low = valid.length ? Math.max(0, Math.floor(Math.min(...valid) * 10 - 0.5) / 10) : 0;
  const high = valid.length ? Math.max(low + 0.1, Math.min(1, Math.ceil(Math.max(...valid) * 10) / 10)) : 1;
  let path = "";
  scores.forEach((score, i) => {
    if (!finite(score)) return;
    const y = 20 * (1 - (score - low) / (high - low));
    path += `${finite(scores[i - 1]) ? "L" : "M"}${start + i + 0.5} ${y.toFixed(2)}`;
    if (!finite(scores[i - 1]) && !finite(scores[i + 1])) path += "h0.01"; // a lone point still shows
  });
  return { path, low, high };
}

function trayItem(entry) {
  const item = el("li", "tray-line", trayLine(entry));
  item.dataset.g = entry.calibration ? "" : entry.grade;
  if (!entry.calibration && doubtsOf(entry.device, entry.at).length) item.append(el("b", "", ` · ${t("doubtful")}`));
  if (entry.grade === "REJECT") item.append(el("span", "detail", ` · ${reasonsOf(entry).join(" · ")}`));
  if (hasBugs && isRejected(entry)) item.append(" ", linkOfTray(entry));
  item.dataset.tray = entry.id;
  return item;
}

function buildHistory() {
  const line = svg("path", { class: "spark-line" });
  const spark = svg("svg", { class: "spark", viewBox: `0 0 ${KEEP} 20`, preserveAspectRatio: "none", "aria-hidden": "true" }, line);
  const strip = svg("svg", { class: "strip", viewBox: `0 0 ${KEEP} 23`, preserveAspectRatio: "none", role: "img" });
  strip.dataset.i18nLabel = "historyTitle";
  const [high, low, tally] = [el("span"), el("span"), el("span", "tally")];
  const title = el("h4");
  const axis = el("p", "spark-axis", high, low);
  axis.setAttribute("aria-hidden", "true");
  const context = el("p", "context");
  const trays = el("ol", "trays");
  const listing = el("details", "tray-list", label("summary", "listOfTrays"), trays);
  const node = el("div", "panel panel-history", el("div", "history-head", title, tally), el("div", "spark-box", spark, axis), strip, listing, context);
  node.setAttribute("role", "group");
  node.dataset.i18nLabel = "historyTitle";
  let entries = [];
  let marked = null;

  // A closed list costs nothing. Items that say what they said stay, so that a link in focus remains so.
  function fillList() {
    if (!listing.open) return;
    const before = new Map([...trays.children].map((item) => [item.dataset.tray, item]));
    keepInPlace(trays, entries.map((entry) => {
      const item = trayItem(entry);
      item.classList.toggle("wanted", entry.id === marked);
      return before.get(entry.id)?.isEqualNode(item) ? before.get(entry.id) : item;
    }));
  }

  // The tray that a link has named is marked, and in view once.
  function showWantedTray(station) {
    const tray = entries.find(({ id }) => id === station.wanted);
    if (station.wanted === null || !tray) return;
    [marked, station.wanted, listing.open] = [tray.id, null, true];
    fillList();
    trays.querySelector(".wanted").scrollIntoView({ block: "center" });
  }
  listing.addEventListener("toggle", fillList);

  function update({ sample }, station) {
    entries = station.entries;
    context.textContent = sample ? contextLine(sample) : "";
    const oldestFirst = [...entries].reverse();
    const start = KEEP - oldestFirst.length; // the newest tray is always at the right edge
    const base = svg("path", { class: "strip-base", d: `M0 14.5h${KEEP}` });
    strip.replaceChildren(base, ...oldestFirst.map((entry, i) => tick(entry, start + i)));
    const curve = sparkPaths(oldestFirst, start);
    line.setAttribute("d", curve.path);
    low.textContent = number(curve.low, 1);
    high.textContent = number(curve.high, 1);
    const counts = countGrades(entries);
    const words = GRADES.filter((grade) => counts[grade]).map((grade) => `${word(grade)} ${counts[grade]}`).join(" · ");
    title.textContent = t("history", { n: entries.length });
    tally.textContent = words;
    strip.setAttribute("aria-label", pair(title.textContent, words));
    fillList();
    showWantedTray(station);
  }
  return { node, update, always: true };
}
