// What became of a task: the slots of its series, and whether its reminders arrived.

import { call } from "./api.js";
import { inWords } from "./when.js";

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
    ...results.map(({ occurrence_at, state }) => `${inWords(occurrence_at)}: ${state}`),
  ]);

/** Why each reminder of the task did, or did not, arrive, and when the next one comes. */
export const showTrace = (task) =>
  showIn("reminders", `/api/tasks/${task.id}/reminders?page_size=5`, ({ planned, results }) => [
    planned.why,
    ...results.map(({ why }) => why),
  ]);
