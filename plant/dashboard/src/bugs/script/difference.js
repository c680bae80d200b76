// What differs between two values of a field, line by line.

const CONTEXT_LINES = 1;

// The table of the longest common subsequence (Wagner and Fischer, 1974) has at most this number of cells.
const MOST_CELLS = 250_000;

// The lengths of the longest common subsequences of the ends of two lists, from each pair of places on.
function commonLengths(old, now) {
  const lengths = Array.from({ length: old.length + 1 }, () => new Uint32Array(now.length + 1));
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = now.length - 1; j >= 0; j -= 1) lengths[i][j] = old[i] === now[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
  }
  return lengths;
}

// The fewest lines to remove and to add; of texts that are too long for that, all.
function editsOf(old, now) {
  const lines = (kind, texts) => texts.map((text) => ({ kind, text }));
  if (old.length * now.length > MOST_CELLS) return [...lines("removed", old), ...lines("added", now)];
  const lengths = commonLengths(old, now);
  const edits = [];
  let [i, j] = [0, 0];
  while (i < old.length && j < now.length) {
    if (old[i] === now[j]) { edits.push({ kind: "same", text: old[i] }); i += 1; j += 1; }
    else if (lengths[i + 1][j] >= lengths[i][j + 1]) { edits.push({ kind: "removed", text: old[i] }); i += 1; }
    else { edits.push({ kind: "added", text: now[j] }); j += 1; }
  }
  return [...edits, ...lines("removed", old.slice(i)), ...lines("added", now.slice(j))];
}

// Lines before and after a change, without what is equal at both ends but for a line of context: { kind: "same", "removed", "added" or "skipped" }.
function lineDifference(before, after) {
  const [old, now] = [before, after].map((text) => (text === "" ? [] : text.split("\n")));
  const least = Math.min(old.length, now.length);
  let head = 0;
  while (head < least && old[head] === now[head]) head += 1;
  let tail = 0;
  while (tail < least - head && old[old.length - 1 - tail] === now[now.length - 1 - tail]) tail += 1;
  const same = (from, to) => old.slice(from, to).map((text) => ({ kind: "same", text }));
  const skipped = (count) => (count > 0 ? [{ kind: "skipped", count }] : []);
  const [above, below, end] = [Math.min(head, CONTEXT_LINES), Math.min(tail, CONTEXT_LINES), old.length - tail];
  return [
    ...skipped(head - above), ...same(head - above, head), ...editsOf(old.slice(head, end), now.slice(head, now.length - tail)),
    ...same(end, end + below), ...skipped(tail - below),
  ];
}

// A value of a field as a text; what the server has words for, in these.
function valueText(field, value) {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.map((one) => valueText(field, one)).join(", ");
  if (["status", "severity", "priority", "category"].includes(field)) return word(value);
  if (field.endsWith("_at")) return moment(value);
  return typeof value === "string" ? value : JSON.stringify(value);
}

const DIFFERENCE_SIGNS = { removed: "−", added: "+", same: "\u00a0" };

// The sign says it to the eye, a word to a screen reader.
function differenceLine({ kind, text, count }) {
  if (kind === "skipped") return el("span", "line skipped", t("unchangedLines", { n: number(count, 0) }));
  const mark = el("span", "line-sign", DIFFERENCE_SIGNS[kind]);
  mark.setAttribute("aria-hidden", "true");
  const said = kind === "same" ? [] : [el("span", "sr-only", pair(t(kind), ""))];
  return el({ removed: "del", added: "ins", same: "span" }[kind], `line ${kind}`, mark, ...said, text);
}

function differenceOf({ field, before, after }) {
  const lines = lineDifference(valueText(field, before), valueText(field, after));
  const name = Object.hasOwn(TEXT, field) ? t(field) : field;
  return el("div", "difference", el("h4", "", name), el("p", "lines", ...lines.map(differenceLine)));
}
