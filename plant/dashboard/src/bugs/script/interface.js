// The interface of bugs as the page reads it: every name that it relies on is in this file.

const BUGS = "api/v1/bugs";
const pathOf = (id, ...parts) => [BUGS, id, ...parts].map((part, i) => (i ? encodeURIComponent(part) : part)).join("/");
const UPLOAD_MS = 120_000;
const LARGEST_FILE = 10 * 2 ** 20;

const text = (value) => (typeof value === "string" ? value : "");
const texts = (value) => list(value).filter((one) => typeof one === "string");

// The fields that a person writes, each with how it is read from a bug.
const FIELDS = {
  title: text, description: text, reproduction_steps: text, severity: text, priority: text, category: text, status: text, tags: texts,
  assignee: text, watchers: texts, device_id: text, firmware_version: text, sample_id: text, rollout: text, profile: text,
  duplicate_of: text, blocks: texts, relates_to: texts,
};

function bugOf(body) {
  const fields = Object.fromEntries(Object.entries(FIELDS).map(([name, read]) => [name, read(body[name])]));
  const { id, source, created_at, updated_at, ended_at, reopened, reported_by, reported_by_email, group } = body;
  return { ...fields, id, source, created_at, updated_at, ended_at, reopened, reported_by, reported_by_email, group: group ?? null };
}

const commentOf = ({ author, created_at, comment, is_internal }) => ({ by: author, at: created_at, text: text(comment), isInternal: is_internal === true });

const attachmentOf = ({ id, file_name, content_type, size, sha256, attached_by, attached_at }) =>
  ({ id, name: text(file_name) || NONE, kind: text(content_type), size, hash: text(sha256), by: attached_by, at: attached_at });

const changeOf = ({ revision, at, by, from, to, why, note, changes }) =>
  ({ revision, at, by, from: text(from) || null, to: text(to), why: text(why), note: note ?? null, changes: list(changes).filter((change) => typeof change?.field === "string") });

// One page of the list as { bugs, total, isExact, skip }.
const listOf = ({ items, total, total_is_exact, skip }) =>
  ({ bugs: list(items).filter((item) => UUID.test(item?.id)).map(bugOf), total: Number(total) || 0, isExact: total_is_exact !== false, skip: Number(skip) || 0 });

// A question that may be refused: its answer, or an error whose message is the refusal in words.
async function askFor(path, options) {
  let answer;
  try { answer = await ask(path, options); } catch { throw new Error(t("serverAwayAtOnce")); }
  if (!answer.ok) throw Object.assign(new Error(refusalText(answer)), { status: answer.status });
  return answer;
}

const json = (method, body, headers = {}) =>
  ({ method, headers: { accept: "application/json", "content-type": "application/json", ...headers }, body: JSON.stringify(body) });

const loadWithStatus = async (view) => listOf((await askFor(`${BUGS}?${listQuery(view)}`)).body ?? {});

// The server lists one status: what is in progress follows what is open.
async function loadNotEnded(view) {
  const part = (status, skip) => loadWithStatus({ ...view, filters: { ...view.filters, status }, skip });
  const open = await part("open", view.skip);
  const begun = await part("in_progress", Math.max(0, view.skip - open.total));
  return { bugs: [...open.bugs, ...begun.bugs].slice(0, A_PAGE), total: open.total + begun.total, isExact: open.isExact && begun.isExact, skip: view.skip };
}

const loadList = (view) => (view.filters.status === NOT_ENDED ? loadNotEnded(view) : loadWithStatus(view));

const countOf = async (filters) => (await askFor(`${BUGS}?${new URLSearchParams({ ...filters, limit: 1 })}`)).body?.total;

const countNotEnded = async (filters) => {
  const [open, begun] = await Promise.all(["open", "in_progress"].map((status) => countOf({ ...filters, status })));
  return open + begun;
};

const loadSummary = async () => (await askFor(`${BUGS}/metrics/summary`)).body ?? {};

async function loadBug(id) {
  const { body, tag } = await askFor(pathOf(id));
  return { bug: bugOf(body ?? {}), comments: list(body?.comments).map(commentOf), attachments: list(body?.attachments).map(attachmentOf), tag };
}

const createBug = async (fields, key) => (await askFor(BUGS, json("POST", fields, { "idempotency-key": key }))).body?.id;

// Changes some fields (RFC 7396: null clears one) of the bug that was read.
const changeBug = (id, tag, patch) => askFor(pathOf(id), json("PATCH", patch, { "content-type": "application/merge-patch+json", ...(tag ? { "if-match": tag } : {}) }));

const addComment = (id, comment, isInternal, key) => askFor(pathOf(id, "comments"), json("POST", { comment, is_internal: isInternal }, { "idempotency-key": key }));

function checkSize({ name, size }) {
  if (size > LARGEST_FILE) throw new Error(t("tooLarge", { name, n: number(size / 2 ** 20, 1) }));
}

function addAttachment(id, file) {
  const body = new FormData();
  body.append("file", file, file.name);
  return askFor(pathOf(id, "attachments"), { method: "POST", body, signal: AbortSignal.timeout(UPLOAD_MS) });
}

const removeAttachment = (id, attachment) => askFor(pathOf(id, "attachments", attachment), { method: "DELETE" });

// The entries after a revision, the oldest first; `next` is what follows them, or null.
async function loadHistory(id, after) {
  const { body } = await askFor(`${pathOf(id, "history")}?after=${after}&limit=50`);
  return { entries: list(body?.items).map(changeOf), next: body?.next ?? null };
}

const loadCategories = async () => texts((await askFor(`${BUGS}/fields`)).body?.category);
