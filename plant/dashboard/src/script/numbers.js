// Numbers, percentages, times and ages in the form of the page's language.

const formats = new Map(); // building an Intl format is slow, and hundreds are needed per second

function format(Kind, options) {
  const name = `${lang} ${Kind.name} ${JSON.stringify(options)}`;
  if (!formats.has(name)) formats.set(name, new Kind(locale(), options));
  return formats.get(name);
}

const finite = (x) => typeof x === "number" && Number.isFinite(x);
const clamp = (x, low, high) => Math.min(high, Math.max(low, x));
const list = (x) => (Array.isArray(x) ? x : []);

function number(x, digits) {
  if (!finite(x)) return NONE;
  return format(Intl.NumberFormat, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(x);
}

// A share of something counted: 1 is all of it. Rounding alone never makes all or nothing of a share.
function percent(x, digits = 0) {
  if (!finite(x)) return NONE;
  const show = (share) => `${number(share * 100, digits)}\u00a0%`;
  const step = 10 ** (-digits - 2);
  if (x > 0 && x < step / 2) return `<\u00a0${show(step)}`;
  return x < 1 && x >= 1 - step / 2 ? `>\u00a0${show(1 - step)}` : show(x);
}

// A probability in whole percent, as the server's sentences have it: never certain, neither of yes nor of no.
function chance(x) {
  if (!finite(x)) return NONE;
  if (x >= 0.995) return ">\u00a099\u00a0%";
  return x < 0.005 ? "<\u00a01\u00a0%" : percent(x);
}

// One more digit when the uncertainty would otherwise round to nothing.
function digitsFor(u, digits) {
  return finite(u) && u > 0 && u < 0.95 * 10 ** -digits ? digits + 1 : digits;
}

function uncertainty(u, digits) {
  const step = 10 ** -digits;
  if (!finite(u)) return "";
  return u > 0 && u < step / 2 ? `±\u00a0<\u00a0${number(step, digits)}` : `±\u00a0${number(u, digits)}`;
}

// The standard uncertainty from which a score is not measurable: its 95 % interval is as wide as the scale from 0 to 1.
const NOT_MEASURABLE_U = 0.25;

const isMeasurable = (score, u) => finite(score) && !(finite(u) && u >= NOT_MEASURABLE_U);

// A score from 0 to 1 with its uncertainty, or that there is none to show.
function scoreText(score, u) {
  if (!finite(score)) return NONE;
  if (!isMeasurable(score, u)) return t("notMeasurable");
  const digits = digitsFor(u, 2);
  return `${number(score, digits)} ${uncertainty(u, digits)}`.trim();
}

function withUnit(text, unit) {
  if (!unit || text === NONE) return text;
  return `${text}\u00a0${unit}`;
}

function clock(ms, timeStyle = "medium") {
  if (!ms) return NONE;
  const today = new Date(ms).toDateString() === new Date().toDateString();
  const options = { timeStyle, hourCycle: "h23", ...(today ? {} : { dateStyle: "short" }) };
  return format(Intl.DateTimeFormat, options).format(ms);
}

// Hours and minutes of what lasts.
const minute = (time) => clock(Date.parse(time), "short");

function ageText(seconds) {
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86400)} ${t("days")}`;
}
