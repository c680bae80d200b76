// The four figures: what is not ended by severity, resolved today, the average resolution time, and what is critical and not ended.

let figures = null; // { summary, notEnded } as the server has it

const figureLink = (query, said) => Object.assign(el("a", "figure-link", said), { href: here(query) });

const listOfSeverity = (severity) => `status=${NOT_ENDED}&severity=${severity}`;

function figure(key, ...values) {
  return el("div", "figure", label("dt", key), el("dd", "", ...values));
}

const countText = (value) => (finite(value) ? number(value, 0) : NONE);

const hoursText = (value) => (finite(value) ? t("hours", { n: number(value, 1) }) : NONE);

function drawFigures() {
  page.figures.hidden = figures === null;
  if (figures === null) return;
  const { summary, notEnded } = figures;
  const [critical] = notEnded;
  const bySeverity = SEVERITIES.map((severity, i) => {
    const item = el("span", "severity-count", figureLink(listOfSeverity(severity), `${word(severity)} ${countText(notEnded[i])}`));
    item.dataset.severity = severity;
    return item;
  });
  page.figures.replaceChildren(
    figure("notEndedBySeverity", ...bySeverity), figure("resolvedToday", countText(summary.resolved_today), label("span", "eachEnd", "detail")),
    figure("resolutionTime", hoursText(summary.avg_resolution_time_hours)),
    figure("criticalNotEnded", figureLink(listOfSeverity("critical"), countText(critical))));
}

async function loadFigures() {
  try {
    const [summary, ...notEnded] = await Promise.all([loadSummary(), ...SEVERITIES.map((severity) => countNotEnded({ severity }))]);
    figures = { summary, notEnded };
  } catch { figures = null; } // the list says what is refused
  drawFigures();
}
