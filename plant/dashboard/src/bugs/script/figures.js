// The four figures: open bugs by severity, resolved today, the average resolution time, and the critical bugs.

let figures = null; // { summary, open } as the server has it

const figureLink = (query, said) => Object.assign(el("a", "figure-link", said), { href: here(query) });

function figure(key, ...values) {
  return el("div", "figure", label("dt", key), el("dd", "", ...values));
}

const countText = (value) => (finite(value) ? number(value, 0) : NONE);

const hoursText = (value) => (finite(value) ? t("hours", { n: number(value, 1) }) : NONE);

function drawFigures() {
  page.figures.hidden = figures === null;
  if (figures === null) return;
  const { summary, open } = figures;
  const bySeverity = SEVERITIES.map((severity, i) => {
    const item = el("span", "severity-count", figureLink(`status=open&severity=${severity}`, `${word(severity)} ${countText(open[i])}`));
    item.dataset.severity = severity;
    return item;
  });
  page.figures.replaceChildren(
    figure("openBySeverity", ...bySeverity), figure("resolvedToday", countText(summary.resolved_today)),
    figure("resolutionTime", hoursText(summary.avg_resolution_time_hours)),
    figure("criticalBugs", figureLink("severity=critical", countText(summary.critical_bugs))));
}

async function loadFigures() {
  try {
    const [summary, ...open] = await Promise.all([loadSummary(), ...SEVERITIES.map((severity) => countOf({ status: "open", severity }))]);
    figures = { summary, open };
  } catch { figures = null; } // the list says what is refused
  drawFigures();
}
