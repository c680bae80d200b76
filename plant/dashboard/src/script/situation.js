// How the line is: which stations send, whether the server and its database answer, and since when not.

const situation = { serverAwaySince: null, databaseAway: false, databaseAwaySince: null, databaseWasThere: false, lastAnswer: null, signedOut: false };

// The moment of the server's clock.
const serverNow = () => Date.now() + serverAhead;

function serverAnswered() {
  situation.lastAnswer = serverNow();
  if (situation.serverAwaySince === null) return;
  situation.serverAwaySince = null;
  drawSituation();
}

// Away since the last answer: what was in between is not known.
function serverSilent() {
  if (situation.serverAwaySince !== null) return;
  situation.serverAwaySince = situation.lastAnswer ?? 0;
  drawSituation();
}

function databaseIs(connected) {
  if (connected) Object.assign(situation, { databaseAway: false, databaseAwaySince: null, databaseWasThere: true });
  else if (!situation.databaseAway) Object.assign(situation, { databaseAway: true, databaseAwaySince: serverNow() });
  drawSituation();
}

function attentionItem(station) {
  const link = el("a", "attend", el("bdi", "", station.id), " ", station.head.stateText());
  link.href = `#${station.node.id}`;
  return el("li", "", link);
}

let attended = "";

// Links to the stations that are late or stopped; made anew only when they differ, so that the one in focus stays.
function drawAttention(needy) {
  const key = JSON.stringify([lang, needy.map((station) => [station.id, station.head.stateText()])]);
  page.attention.hidden = needy.length === 0;
  if (key === attended) return;
  attended = key;
  page.attention.replaceChildren(...needy.slice(0, MOST_LINKS).map(attentionItem));
}

const MOST_LINKS = 12;

function drawSituation() {
  const working = inOrder.filter((station) => !station.isCalibration);
  const countOf = (presence) => working.filter((station) => station.presence === presence).length;
  const [online, late, offline] = [countOf("online"), countOf("late"), countOf("offline")];
  const { serverAwaySince: silent, databaseAway, databaseAwaySince, databaseWasThere, signedOut } = situation;
  const away = silent !== null;
  const allStopped = !away && working.length > 0 && offline === working.length;
  const last = Math.max(0, ...working.map((station) => station.silentSince() ?? 0));
  show(page["server-away"], away ? t(silent ? "serverAway" : "serverAwayAtOnce", { time: clock(silent) }) : null);
  show(page["database-away"], databaseAway && !away ? t(databaseWasThere ? "databaseAway" : "databaseAwayBefore", { time: clock(databaseAwaySince) }) : null);
  show(page["all-stopped"], allStopped ? t(last ? "allStopped" : "allStoppedUnknown", { time: clock(last) }) : null);
  const parts = [["countOnline", online], ["countLate", late], ["countOffline", offline]].filter(([, n]) => n > 0).map(([key, n]) => t(key, { n }));
  if (leftOut > 0) parts.push(t("notShown", { n: number(leftOut, 0) }));
  const counted = t(working.length === 1 ? "countedOne" : "counted", { n: number(working.length, 0) });
  const all = away || !parts.length ? counted : pair(counted, parts.join(" · "));
  show(page.state, working.length ? all : null);
  const attention = away || allStopped ? [] : working.filter((station) => station.needsAttention);
  drawAttention(attention);
  const stale = away || allStopped || signedOut;
  page.totals.classList.toggle("stale", stale);
  document.body.classList.toggle("server-away", away);
  // A station that is late or stopped counts once, whatever alerts it has.
  const quiet = working.filter((station) => station.needsAttention).map(({ id }) => id);
  const count = away ? 1 : quiet.length + waitingAlerts(new Set(quiet)) + (databaseAway ? 1 : 0);
  document.title = count > 0 ? `(${count}) SQAL` : "SQAL";
}
