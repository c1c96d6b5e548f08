// What became of a task: the slots of its series, and whether its reminders arrived.

import { call } from "./api.js";
import { inWords } from "./when.js";

const STATES = { open: "open", done: "done", skipped: "skipped", missed: "missed", moved: "moved", deleted: "deleted" };

function fill(list, lines) {
  list.replaceChildren(
    ...lines.map((line) => Object.assign(document.createElement("li"), { textContent: line })),
  );
}

async function showIn(id, path, linesOf) {
  const list = document.getElementById(id);
  fill(list, ["…"]);
  fill(list, await call("GET", path).then(linesOf, (error) => [error.message]));
}

/** The next five occurrences, and the last ones. */
export const showSeries = (task) =>
  showIn("occurrences", `/api/tasks/${task.id}/occurrences?page_size=5`, ({ upcoming, results }) => [
    task.recurrence_text,
    ...upcoming.map((slot) => `${inWords(slot)}: to come`),
    ...results.map(({ occurrence_at, state }) => `${inWords(occurrence_at)}: ${STATES[state] ?? state}`),
  ]);

/** Why each reminder of the task did, or did not, arrive. */
export const showTrace = (task) =>
  showIn("reminders", `/api/tasks/${task.id}/reminders`, ({ results }) =>
    results.length ? results.map(sentence) : ["No reminder has been due yet."],
  );

function sentence({ reminder_at, deliveries, lateness_seconds }) {
  const late = lateness_seconds > 60 ? `, ${Math.round(lateness_seconds / 60)} minutes late` : "";
  const outcomes = deliveries.map(({ channel, state, attempts }) => {
    const { status, meaning } = attempts.at(-1) ?? {};
    const answer = status ? ` The service answered ${status}.` : "";
    return `${channel}: ${state}.${answer} ${meaning ?? ""}`;
  });
  return `${inWords(reminder_at)}${late}: ${outcomes.join(" ") || "there was no device to notify."}`;
}
