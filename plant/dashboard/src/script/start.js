// The controls of the page, and its beginning.

function drawAnew() {
  for (const station of inOrder) station.changed();
  drawWho(situation.signedOut ? {} : whoLooks);
  totalsDue = true;
  drawTotals();
  drawSituation();
  drawBugs();
}

// Overview keeps only verdict and history, in larger type, for a screen read from across the line.
function setOverview(on) {
  document.body.classList.toggle("overview", on);
  page.overview.setAttribute("aria-pressed", on);
  for (const station of inOrder) station.changed();
}

page.overview.addEventListener("click", () => {
  const on = !document.body.classList.contains("overview");
  remember("sqal-overview", on ? "1" : "0");
  setOverview(on);
});
// A link to the card of a station takes the focus there, too.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#station-']");
  if (link) document.getElementById(link.hash.slice(1))?.focus({ preventScroll: true });
});

const stationUrl = beside("ws/sensors");
stationUrl.protocol = stationUrl.protocol === "https:" ? "wss:" : "ws:";
document.querySelector("#station-url").textContent = stationUrl.href;
document.querySelector("#trial-command").textContent = `sqal-simulator --url ${stationUrl.href}`;

setOverview(recall("sqal-overview") === "1");
setLanguage(lang);
setInterval(drawTotals, 500);
setInterval(() => { drawAges(); drawSituation(); }, 1000);
setInterval(poll, POLL_MS);
setInterval(watchLine, WATCH_MS);
setInterval(countBugs, BUGS_MS);
document.addEventListener("visibilitychange", () => { if (!document.hidden) watchLine(); });
addEventListener("hashchange", readWanted);
readWanted();
follow().then(countBugs);

export { NOT_MEASURABLE_U, TEXT, chance, desirability, limitText, outOfLimits, percent, scoreText, stations };
