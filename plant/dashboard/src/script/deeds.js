// What a person does about an alert: acknowledges it, says why it was, shelves it.

const LONGEST_REMARK = 500;
const remarkField = (name) => ({ name, type: "text", maxLength: LONGEST_REMARK });
const DEEDS = {
  acknowledge: { words: "acknowledge", fields: [remarkField("note")] },
  cause: { words: "causeAndAction", fields: [remarkField("cause"), remarkField("action")] },
  shelve: { words: "shelve", fields: [{ name: "minutes", type: "number", min: 1, max: 1440, step: 1 }, remarkField("reason")] },
};
const USUAL_SHELF = 60; // minutes
const ACTING = ["quality_engineer", "administrator"]; // the roles that the server lets do it

const mayAct = () => !situation.signedOut && ACTING.includes(whoLooks.role);

const deed = { dialog: document.querySelector("#deed"), kind: "", alert: null, inputs: [], sent: "", key: "" };
const deedPart = (name) => deed.dialog.querySelector(`#deed-${name}`);

function deedField({ name, ...attributes }) {
  const input = Object.assign(el("input"), { id: `deed-${name}`, name, required: true, autocomplete: "off", ...attributes });
  const caption = label("label", name);
  caption.htmlFor = input.id;
  return { caption, input };
}

function openDeed(kind, alert) {
  const { words, fields } = DEEDS[kind];
  const built = fields.map(deedField);
  const earlier = { minutes: USUAL_SHELF, ...(kind === "cause" ? alert.cause : {}) };
  for (const { input } of built) input.value = earlier[input.name] ?? "";
  Object.assign(deed, { kind, alert, inputs: built.map(({ input }) => input), sent: "" });
  deedPart("title").textContent = t(words);
  deedPart("send").textContent = t(words);
  deedPart("about").textContent = bilingual(alert.summary);
  deedPart("problem").textContent = "";
  deedPart("fields").replaceChildren(...built.flatMap(({ caption, input }) => [caption, input]));
  deed.dialog.showModal();
  deed.inputs[0].select();
}

// Sends what is in the form; the words of the refusal if there is one, else null.
async function sendDeed() {
  const { kind, alert } = deed;
  const text = JSON.stringify(Object.fromEntries(deed.inputs.map((input) => [input.name, input.type === "number" ? input.valueAsNumber : input.value.trim()])));
  if (text !== deed.sent) Object.assign(deed, { sent: text, key: newKey() });
  const headers = { accept: "application/json", "content-type": "application/json", "idempotency-key": deed.key };
  try {
    const answer = await ask(`api/v1/alerts/${encodeURIComponent(alert.key)}/${kind}`, { method: "POST", headers, body: text });
    return answer.ok ? null : refusalText(answer);
  } catch { return t("serverAwayAtOnce"); }
}

deed.dialog.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const send = deedPart("send");
  if (send.disabled) return;
  send.disabled = true;
  const refusal = await sendDeed();
  send.disabled = false;
  deedPart("problem").textContent = refusal ?? "";
  if (refusal !== null) return;
  deed.dialog.close();
  watchLine();
});
deedPart("cancel").addEventListener("click", () => deed.dialog.close());
