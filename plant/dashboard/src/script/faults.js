// Faults of the page itself: a script error is reported under the DSN of the page, as clients of Sentry do, without any datum of the person who looks.

const MOST_FAULTS = 5; // each time the page is loaded
const MOST_FAULT_FRAMES = 50;
const LONGEST_FAULT_LINE = 500; // characters of a message or of a line of a stack
const reporting = document.querySelector('meta[name="sqal-dsn"]');
let faultsTold = 0;

// A line of a stack, "at f (file:1:2)" or "f@file:1:2", as a frame; nothing for another line. The address of the server and a query are left out.
function frameOf(line) {
  const found = /^\s*at (?:(.+?) \()?(.+?):(\d+):(\d+)\)?$/.exec(line) ?? /^(.*?)@(.+?):(\d+):(\d+)$/.exec(line);
  if (!found) return [];
  const [caller, place] = [found[1], found[2]].map((part) => (part ?? "").replace(/^async /, ""));
  const filename = place.replace(/[?#].*$/, "").replace(location.origin, "");
  return [{ function: caller || "<anonymous>", filename, lineno: Number(found[3]), colno: Number(found[4]), in_app: filename.startsWith("/") }];
}

// The frames of a stack, the oldest first.
const framesOf = (stack) => stack.split("\n").slice(0, 2 * MOST_FAULT_FRAMES).flatMap((line) => frameOf(line.slice(0, LONGEST_FAULT_LINE))).slice(0, MOST_FAULT_FRAMES).reverse();

// What was thrown, as an exception of an event. Of an object that is no error, only its kind is told.
function exceptionOf(thrown, frame) {
  const isError = thrown instanceof Error || thrown instanceof DOMException;
  const said = isError ? thrown.message : Object(thrown) === thrown ? Object.prototype.toString.call(thrown) : String(thrown);
  const frames = isError && typeof thrown.stack === "string" ? framesOf(thrown.stack) : [];
  const value = String(said).slice(0, LONGEST_FAULT_LINE).replace(/[^\s"'<>]+@[^\s"'<>]+/g, "…");
  return { type: isError ? String(thrown.name).slice(0, LONGEST_FAULT_LINE) : "Thrown", value, stacktrace: { frames: frames.length ? frames : frame } };
}

// An extension of the browser runs in the page, and is no part of it.
const isOfExtension = ({ stacktrace: { frames } }) => frames.length > 0 && frames.every(({ filename }) => /^[a-z-]+-extension:/.test(filename));

// Tells the server, which may be away. Nothing that fails here is a fault of its own.
function tellFault(thrown, frame = []) {
  try {
    const [, key, project] = /^(.+)@\/(\d+)$/.exec(reporting?.content ?? "") ?? [];
    if (!project || faultsTold >= MOST_FAULTS) return;
    const exception = exceptionOf(thrown, frame);
    if (isOfExtension(exception)) return;
    faultsTold += 1;
    const event = { level: "error", platform: "javascript", release: reporting.dataset.release, transaction: location.pathname, exception: { values: [exception] } };
    const query = new URLSearchParams({ sentry_version: 7, sentry_key: key });
    fetch(beside(`api/${project}/envelope/?${query}`), {
      method: "POST", keepalive: true, headers: { "content-type": "application/x-sentry-envelope" },
      body: `{}\n{"type":"event"}\n${JSON.stringify(event)}\n`,
    }).catch(() => {});
  } catch { /* a fault that cannot be told */ }
}

addEventListener("error", ({ error, message, filename, lineno, colno }) => {
  // A notice of the browser has neither an error nor a line.
  if (error !== null || lineno > 0) tellFault(error ?? message, lineno ? frameOf(`@${filename}:${lineno}:${colno}`) : []);
});
addEventListener("unhandledrejection", ({ reason }) => tellFault(reason));
