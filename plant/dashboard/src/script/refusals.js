// A refusal of the server, in words of the page's language.

// What is wrong with each field: the server has it in both languages, by the names of the fields.
function fieldTexts({ violations, errors }) {
  const named = (name, text) => pair(Object.hasOwn(TEXT, name) ? t(name) : name, text);
  if (lang === "fr") return Object.entries(errors ?? {}).map(([name, texts]) => named(name, list(texts).join(" ; ")));
  return list(violations).map(({ pointer, value, limit }) => named(String(pointer).replace(/^[/?]/, ""), `${value}; expected ${limit}`));
}

// What happened beside that, the server writes in English.
function refusalText({ status, body }) {
  const fields = fieldTexts(body ?? {});
  if (fields.length) return unbroken(fields.join(" · "));
  if (lang === "en" && body?.detail) return body.detail;
  if (status === 429) return t("tooOften");
  return Object.hasOwn(TEXT, `refused${status}`) ? t(`refused${status}`) : t("refused", { status });
}
