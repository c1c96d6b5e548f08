// The dialog of one task: a new one, or one that exists.
//
// Only the fields that the user has changed are sent, with the version that they were changed from. If the task is
// at another version by then, nothing is overwritten: the dialog shows what it is now.

import { call } from "./api.js";
import { onSubmit, say } from "./messages.js";
import { showSeries, showTrace } from "./task-history.js";
import { change, refresh, trash } from "./task-list.js";
import { deviceZone, inWords, localIn, offsetInWords, toFields, toInstant } from "./when.js";

const USUAL_OFFSETS = [0, 10, 60, 1440];
const PAUSE_BEFORE_PREVIEW = 250;

const dialog = document.getElementById("task-dialog");
const form = dialog.querySelector("form");
const fields = form.elements;
const offsets = document.getElementById("offsets");
const offset = document.getElementById("offset").content;
const words = document.getElementById("rule-words");

let task = null; // null: a new one
let shown = {}; // what the fields were when they were filled

/** `existing`: the task to change; without it a new one, which begins with `draft`. */
export function openTask(existing, draft = {}) {
  task = existing ?? null;
  fill({ title: "", description: "", reminder_offsets: [], ...draft, ...task });
  document.getElementById("task-heading").textContent = task ? "Task" : "New task";
  for (const element of form.querySelectorAll("[data-for]")) element.hidden = !isFor(element.dataset.for);
  form.querySelector("[role=alert]").textContent = "";
  for (const details of form.querySelectorAll("details")) details.open = false;
  if (!dialog.open) dialog.showModal();
}

function isFor(what) {
  return { existing: task, series: task?.is_recurring, snoozed: task?.snoozed_until }[what];
}

function fill(values) {
  const [date, clock] = values.due_date ? [values.due_date, ""] : values.due_at ? toFields(values.due_at) : ["", ""];
  const [reminderDate, reminderClock] = values.reminder_at ? toFields(values.reminder_at) : ["", ""];
  fields.title.value = values.title;
  fields.description.value = values.description ?? "";
  fields.date.value = date;
  fields.clock.value = clock;
  fields.all_day.checked = Boolean(values.due_date);
  fillRule(values);
  fillOffsets(values.reminder_offsets);
  fields.reminder_date.value = reminderDate;
  fields.reminder_clock.value = reminderClock;
  fields.rings_in_quiet_hours.checked = values.rings_in_quiet_hours ?? false;
  fields.apply_to.value = "this";
  document.getElementById("snoozed").textContent = values.snoozed_until ? inWords(values.snoozed_until) : "";
  shown = task ? read() : {};
  adjust();
}

function fillRule({ recurrence_rule, recurrence_text }) {
  const own = fields.rule.querySelector("[data-own]");
  const isNamed = [...fields.rule.options].some((option) => option !== own && option.value === (recurrence_rule ?? ""));
  own.hidden = isNamed;
  own.value = isNamed ? "-" : recurrence_rule;
  own.textContent = recurrence_text ?? "";
  fields.rule.value = recurrence_rule ?? "";
}

function fillOffsets(chosen) {
  const all = [...new Set([...USUAL_OFFSETS, ...chosen])].sort((one, other) => one - other);
  offsets.replaceChildren(
    ...all.map((minutes) => {
      const choice = offset.cloneNode(true);
      const box = choice.querySelector("input");
      box.value = minutes;
      box.checked = chosen.includes(minutes);
      choice.querySelector("span").textContent = offsetInWords(minutes);
      return choice;
    }),
  );
}

/** What the fields say, in the API's words. */
function read() {
  const date = fields.date.value;
  const isAllDay = fields.all_day.checked || !fields.clock.value;
  const chosen = [...offsets.querySelectorAll(":checked")].map((box) => Number(box.value));
  const reminder = fields.reminder_date.value;
  return {
    title: fields.title.value.trim(),
    description: fields.description.value.trim() || null,
    ...(date && !isAllDay ? { due_at: toInstant(date, fields.clock.value) } : { due_date: date || null }),
    recurrence_rule: fields.rule.value || null,
    reminder_offsets: date ? chosen : [],
    reminder_at: reminder ? toInstant(reminder, fields.reminder_clock.value || "09:00") : null,
    rings_in_quiet_hours: fields.rings_in_quiet_hours.checked,
  };
}

const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);

function changed() {
  const entries = Object.entries(read()).filter(([name, value]) => !isSame(value, shown[name]));
  const body = Object.fromEntries(entries);
  // A task has either of the two, so the one that was chosen last replaces the other.
  if (body.reminder_at === null && body.reminder_offsets) delete body.reminder_at;
  if (body.reminder_at && body.reminder_offsets) delete body.reminder_offsets;
  if ("recurrence_rule" in body) body.is_recurring = body.recurrence_rule !== null;
  if (movesSeries(body)) body.apply_to = fields.apply_to.value;
  return body;
}

/** Whether it must be said if the others of the series move too. */
function movesSeries(body) {
  const moves = ["due_at", "due_date", "reminder_at"].some((name) => name in body);
  return moves && task?.is_recurring && !("recurrence_rule" in body);
}

/** `key`: the Idempotency-Key, for who may have to ask again. */
export async function addTask(body, key) {
  const zone = deviceZone();
  const added = await call("POST", "/api/tasks", { body: { ...body, ...(zone && { timezone: zone }) }, key });
  say(`Added: ${added.title}`, () => trash(added));
  await refresh();
}

async function save() {
  const body = changed();
  if (!task) {
    const given = Object.entries(body).filter(([, value]) => value !== null);
    await addTask(Object.fromEntries(given));
  } else if (Object.keys(body).length) {
    await call("PATCH", `/api/tasks/${task.id}`, { body, version: task.version });
    say(`Saved: ${body.title ?? task.title}`);
    await refresh();
  }
}

const ACTIONS = {
  save,
  delete: () => trash(task),
  skip: () => change(task, "skip", task.version),
  "end-snooze": async () => {
    await call("POST", `/api/tasks/${task.id}/snooze`, { body: { until: null }, version: task.version });
    await refresh();
  },
};

/** Disable what cannot be said now, and show the rule in words. */
function adjust() {
  const hasDate = Boolean(fields.date.value);
  fields.clock.disabled = !hasDate || fields.all_day.checked;
  fields.all_day.disabled = !hasDate;
  for (const box of offsets.querySelectorAll("input")) box.disabled = !hasDate || Boolean(fields.reminder_date.value);
  fields.reminder_clock.disabled = !fields.reminder_date.value;
  document.getElementById("apply-to").hidden = !movesSeries(changed());
  clearTimeout(timer);
  words.textContent = "";
  if (fields.rule.value && hasDate) timer = setTimeout(preview, PAUSE_BEFORE_PREVIEW);
}

let timer = null;
async function preview() {
  const { date, clock, rule, all_day } = fields;
  const timezone = task?.timezone ?? deviceZone();
  const isAllDay = all_day.checked || !clock.value;
  const start = isAllDay ? date.value : localIn(timezone, toInstant(date.value, clock.value));
  const body = { rule: rule.value, start, count: 3, timezone };
  const { description, occurrences } = await call("POST", "/api/recurrence/preview", { body }).catch((error) => ({
    description: error.message,
    occurrences: [],
  }));
  words.textContent = [description, ...occurrences.map(inWords)].join(" · ");
}

form.addEventListener("input", adjust);
dialog.addEventListener("close", () => {
  // The row that opened the dialog may be a new one by now.
  if (document.getElementById("main").contains(document.activeElement)) return;
  (document.getElementById(`title-${task?.id}`) ?? document.getElementById("new-title")).focus();
});
onSubmit(form, async (action) => {
  try {
    await ACTIONS[action]();
    dialog.close();
  } catch (error) {
    if (error.status === 412) openTask(await call("GET", `/api/tasks/${task.id}`));
    throw error;
  }
});
document.getElementById("series").addEventListener("toggle", (event) => event.target.open && showSeries(task));
document.getElementById("trace").addEventListener("toggle", (event) => event.target.open && showTrace(task));
