// The list of open tasks. The server filters, searches and sorts; a change is a reason to read it again.

import { call } from "./api.js";
import { say, trying } from "./messages.js";
import { groupOf, inWords, offsetInWords } from "./when.js";

const STEP = 50;
const MOST = 200; // the most that the API answers at once
const PAUSE_BETWEEN_READS = 150;
const GROUPS = { overdue: "Overdue", today: "Today", tomorrow: "Tomorrow", later: "Later", none: "Without a date" };

const groups = document.getElementById("groups");
const empty = document.getElementById("empty");
const more = document.getElementById("more");
const search = document.getElementById("search");
const row = document.getElementById("task-row").content;
const group = document.getElementById("task-group").content;

const versions = new Map(); // the newest version of each task that this page has seen
let size = STEP;
let reading = null;
let isOutdated = false;
let openTask = null;

/** `onOpen(task)` is called when the user wants to see or change a task. */
export function startList({ onOpen }) {
  openTask = onOpen;
  search.addEventListener("input", later);
  more.addEventListener("click", () => {
    size += STEP;
    trying(refresh);
  });
}

export function clearList() {
  versions.clear();
  search.value = "";
  size = STEP;
  groups.replaceChildren();
}

/** A change from the live stream. What this page did itself, it has already shown. */
export function onChange({ task_id, version }) {
  if (version <= (versions.get(task_id) ?? 0)) return;
  versions.set(task_id, version);
  later();
}

/** Read the tasks and show them. Of several calls at once the last ones share one read. */
export function refresh() {
  isOutdated = true;
  reading ??= readUntilCurrent().finally(() => {
    reading = null;
  });
  return reading;
}

let timer = null;
function later() {
  clearTimeout(timer);
  timer = setTimeout(() => trying(refresh), PAUSE_BETWEEN_READS);
}

async function readUntilCurrent() {
  while (isOutdated) {
    isOutdated = false;
    const q = search.value.trim();
    const filters = q ? { q } : { ordering: "due_at,-created_at" };
    const query = new URLSearchParams({ completed: false, page_size: size, ...filters });
    const page = await call("GET", `/api/tasks?${query}`);
    for (const { id, version } of page.results) versions.set(id, version);
    show(page.results, { isSearch: Boolean(q), hasMore: page.next !== null });
  }
}

function show(tasks, { isSearch, hasMore }) {
  const focused = focusedRow();
  const byGroup = new Map();
  for (const task of tasks) {
    const name = isSearch ? "Found" : GROUPS[groupOf(task)];
    if (!byGroup.has(name)) byGroup.set(name, []);
    byGroup.get(name).push(task);
  }
  groups.replaceChildren(...[...byGroup].map(([name, members]) => groupOfRows(name, members)));
  groups.ariaBusy = "false";
  empty.hidden = tasks.length > 0;
  empty.textContent = isSearch ? "No open task has these words." : "Nothing to do. Add a task above.";
  more.hidden = !hasMore || size >= MOST;
  document.getElementById("too-many").hidden = !hasMore || size < MOST;
  focused?.restore();
}

/** Where the keyboard is in the list, and how to bring it back there when the rows are new. */
function focusedRow() {
  const element = document.activeElement;
  if (!groups.contains(element)) return null;
  const position = [...groups.querySelectorAll("li")].indexOf(element.closest("li"));
  return {
    restore() {
      const rows = groups.querySelectorAll("li");
      const neighbour = rows[Math.min(position, rows.length - 1)]?.querySelector("button");
      (document.getElementById(element.id) ?? neighbour ?? search).focus({ preventScroll: true });
    },
  };
}

function groupOfRows(name, tasks) {
  const section = group.cloneNode(true);
  section.querySelector("h2").textContent = name;
  section.querySelector("ul").append(...tasks.map(rowOf));
  return section;
}

function rowOf(task) {
  const fragment = row.cloneNode(true);
  const find = (name) => fragment.querySelector(`.${name}`);
  find("title").textContent = task.title;
  find("due").textContent = task.due_at ? inWords(task.due_date ?? task.due_at) : "";
  find("repeat").textContent = task.recurrence_text ?? "";
  find("reminder").textContent = reminderOf(task);
  find("task").classList.toggle("overdue", groupOf(task) === "overdue");
  const actions = { complete, title: openTask, delete: trash };
  for (const [name, action] of Object.entries(actions)) {
    find(name).id = `${name}-${task.id}`;
    find(name).addEventListener("click", () => trying(() => action(task)).then(later));
  }
  find("complete").ariaLabel = `Complete: ${task.title}`;
  find("delete").ariaLabel = `Delete: ${task.title}`;
  return fragment;
}

function reminderOf({ reminder_at, reminder_offsets, snoozed_until }) {
  if (snoozed_until) return `snoozed until ${inWords(snoozed_until)}`;
  if (reminder_at) return inWords(reminder_at);
  return reminder_offsets.map(offsetInWords).join(", ");
}

export async function complete(task) {
  const done = await call("POST", `/api/tasks/${task.id}/complete`);
  versions.set(task.id, done.version);
  say(`Completed: ${task.title}`, () => change(task, "reopen", done.version));
  await refresh();
}

/** To the trash. If someone has changed the task since it was shown, it stays (ApiError 412). */
export async function trash(task) {
  await call("DELETE", `/api/tasks/${task.id}`, { version: task.version });
  say(`Deleted: ${task.title}`, () => change(task, "restore"));
  await refresh();
}

/** POST one of the actions `reopen`, `restore`, `skip`, and show the list. */
export async function change(task, action, version) {
  await call("POST", `/api/tasks/${task.id}/${action}`, { version });
  say({ reopen: "Open again", restore: "Restored", skip: "Skipped" }[action] + `: ${task.title}`);
  await refresh();
}
