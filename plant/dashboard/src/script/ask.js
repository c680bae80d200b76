// How a page asks the server. Each page has `serverSilent`, `serverAnswered` and `signInNeeded` for what it learns by that.

const PATIENCE_MS = 8000;
let serverAhead = 0; // server clock minus ours, in ms: a tablet's wrong clock must not make every station late

// An answer as { status, ok, body, retryAfter, tag }; throws if the server cannot be reached.
async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(beside(path), { headers: { accept: "application/json" }, cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS), ...options });
  } catch (error) {
    serverSilent();
    throw error;
  }
  // A proxy that answers in place of the server.
  if (answer.status === 502 || answer.status === 504) {
    serverSilent();
    throw new Error(`answered ${answer.status} by a proxy`);
  }
  const served = Date.parse(answer.headers.get("date"));
  if (served) serverAhead = served - Date.now();
  serverAnswered();
  if (answer.status === 401) signInNeeded();
  let body = null;
  try { body = await answer.json(); } catch { /* an answer without a body */ }
  return { status: answer.status, ok: answer.ok, body, retryAfter: Number(answer.headers.get("retry-after")) || 0, tag: answer.headers.get("etag") };
}

// A key of the request, so that sending it again after a lost answer does nothing twice.
const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
