// What the page knows of bugs: their words, the changes of status that are allowed, and what the address of the page says.

const STATUSES = ["open", "in_progress", "resolved", "closed"];
const NOT_ENDED = "not_ended"; // a status of the list alone: open or in progress
const SEVERITIES = ["critical", "high", "medium", "low"];
const PRIORITIES = ["urgent", "high", "medium", "low"];

// The statuses that follow each; the server decides.
const TRANSITIONS = {
  open: ["in_progress", "resolved", "closed"], in_progress: ["open", "resolved", "closed"],
  resolved: ["open", "in_progress", "closed"], closed: ["open", "in_progress"],
};

const isEnded = (status) => status === "resolved" || status === "closed";

// To take up what had ended, and to close what was not resolved, needs a reason.
const needsWhy = (from, to) => (isEnded(from) ? !isEnded(to) : to === "closed");

// The words of the button for a change of status.
function transitionWords(from, to) {
  if (isEnded(from) && to === "open") return "reopen";
  if (isEnded(from) && to === "in_progress") return "takeUpAgain";
  return to === "open" ? "putBack" : `to_${to}`;
}

const FILTERS = ["q", "status", "severity", "priority", "category", "device_id", "firmware_version", "assignee", "tag"];
const GIVEN = ["title", "description", "reproduction_steps", "severity", "priority", "category", "device_id", "sample_id", "firmware_version", "profile", "rollout", "tags"];
const SORTS = ["created_at", "updated_at", "severity", "priority"];
const USUAL_SORT = "-created_at";
const A_PAGE = 50;
const MOST_SKIPPED = 10_000;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const isSort = (sort) => SORTS.includes(sort.replace(/^-/, ""));

const present = (asked, names) => Object.fromEntries(names.map((name) => [name, asked.get(name)?.trim()]).filter(([, value]) => value));

// The part of the page that its address names: one bug, the form for a new one, or the list.
function viewOf(search) {
  const asked = new URLSearchParams(search);
  if (asked.has("id")) return { kind: "one", id: UUID.test(asked.get("id")) ? asked.get("id").toLowerCase() : null };
  if (asked.has("new")) return { kind: "new", given: present(asked, GIVEN) };
  const sort = asked.get("sort") ?? USUAL_SORT;
  const skip = /^\d{1,6}$/.test(asked.get("skip") ?? "") ? Number(asked.get("skip")) : 0;
  return { kind: "list", filters: present(asked, FILTERS), sort: isSort(sort) ? sort : USUAL_SORT, skip: Math.min(skip, MOST_SKIPPED) };
}

// The query of the list for the server.
const listQuery = ({ filters, sort, skip }) => String(new URLSearchParams({ ...filters, sort, skip, limit: A_PAGE }));

// The query of a list for the address of the page, without what is usual.
function listAddress({ filters, sort, skip }) {
  const asked = new URLSearchParams(filters);
  if (sort !== USUAL_SORT) asked.set("sort", sort);
  if (skip) asked.set("skip", skip);
  return String(asked);
}

// A column is sorted with the worst or the latest first, and the other way round the next time.
const nextSort = (sort, column) => (sort === `-${column}` ? column : `-${column}`);

// How many bugs are before and after those of a page of the list.
function pagesOf({ skip, total, isExact }, shown) {
  const next = skip + A_PAGE;
  const hasNext = shown > 0 && (isExact ? next < total : shown === A_PAGE) && next <= MOST_SKIPPED;
  return { from: skip + 1, to: skip + shown, previous: skip > 0 ? Math.max(0, skip - A_PAGE) : null, next: hasNext ? next : null };
}
