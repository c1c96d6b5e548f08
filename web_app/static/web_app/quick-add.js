// Quick add: a sentence becomes a task. While someone types, the page shows what it understands.
//
// A dry run gives the fields of the task, with the times of this device's zone, and Enter makes the task of exactly
// these: what was shown. With a question open there is no task yet.

import { call, newKey } from "./api.js";
import { onSubmit } from "./messages.js";
import { addTask } from "./task-dialog.js";
import { deviceZone } from "./when.js";

const PAUSE_BEFORE_ASKING = 250;
const FRESH_MS = 60_000; // "in 5 minutes" means another time later
const NOTHING = { task: null, understood: [], questions: [] };

const form = document.getElementById("add");
const field = form.elements.title;
const understood = document.getElementById("understood");
const question = document.getElementById("question");
const notAdded = document.getElementById("not-added");
const chip = document.getElementById("chip").content;
const choices = document.getElementById("choices").content;

let timer = null;
let asked = null; // the last sentence, and the promise of its answer
let unsure = null; // a task that may have been made, and its Idempotency-Key

export function startQuickAdd() {
  field.addEventListener("input", () => {
    clearTimeout(timer);
    form.querySelector("[role=alert]").textContent = "";
    if (field.value.trim()) timer = setTimeout(showWhatItMeans, PAUSE_BEFORE_ASKING);
    else show(NOTHING);
  });
  onSubmit(form, addSentence, { isRepeatable: true });
}

export function emptyQuickAdd() {
  clearTimeout(timer);
  form.reset();
  show(NOTHING);
  notAdded.replaceChildren();
}

async function understand(sentence) {
  if (asked?.sentence !== sentence || Date.now() - asked.at > FRESH_MS) {
    const zone = deviceZone();
    const body = { text: sentence, dry_run: true, ...(zone && { timezone: zone }) };
    asked = { sentence, at: Date.now(), answer: call("POST", "/api/tasks/quick", { body }) };
  }
  const mine = asked;
  try {
    return await mine.answer;
  } catch (error) {
    if (asked === mine) asked = null;
    throw error;
  }
}

/** An answer about other words than those in the field now is not shown. */
async function showWhatItMeans() {
  const sentence = field.value.trim();
  const isStill = () => field.value.trim() === sentence;
  try {
    const answer = await understand(sentence);
    if (isStill()) show(answer);
  } catch (error) {
    if (!isStill()) return;
    show(NOTHING);
    understood.textContent = error.message;
  }
}

/** The field is empty at once, for the next sentence. What was not added comes back. */
async function addSentence() {
  const sentence = field.value.trim();
  clearTimeout(timer);
  field.value = "";
  show(NOTHING);
  field.focus();
  try {
    const answer = await understand(sentence);
    if (answer.task) {
      await addOnce(answer.task);
      asked = null;
    } else if (giveBack(sentence)) {
      show(answer);
      (question.querySelector("button") ?? field).focus();
    }
  } catch (error) {
    giveBack(sentence);
    throw error;
  }
}

/** If the answer gets lost, the same task is sent with the same key, and made once. */
async function addOnce(task) {
  const same = JSON.stringify(task);
  if (unsure?.same !== same) unsure = { same, key: newKey() };
  await addTask(task, unsure.key);
  unsure = null;
}

/** Whether the sentence is in the field again. If the next one is there already, a button brings it back. */
function giveBack(sentence) {
  if (field.value) setAside(sentence);
  else field.value = sentence;
  return field.value === sentence;
}

function setAside(sentence) {
  const button = document.createElement("button");
  button.type = "button";
  button.dir = "auto";
  button.textContent = `Not added yet: ${sentence}`;
  button.addEventListener("click", () => {
    const other = field.value.trim();
    if (other) setAside(other);
    button.remove();
    write(sentence);
  });
  notAdded.append(button);
}

function write(sentence) {
  field.value = sentence;
  field.focus();
  clearTimeout(timer);
  showWhatItMeans();
}

function show({ task, understood: spans, questions }) {
  const title = task && spans.length ? [{ text: task.title, means: "title" }] : [];
  understood.replaceChildren(...[...title, ...spans].map(chipOf));
  question.replaceChildren(...questions.slice(0, 1).map(choicesOf)); // its choices ask the others again
}

function chipOf({ text, means }) {
  const fragment = chip.cloneNode(true);
  fragment.querySelector("b").textContent = text;
  fragment.querySelector("b + span").textContent = means;
  return fragment;
}

function choicesOf({ text, choices: offered }) {
  const fragment = choices.cloneNode(true);
  fragment.querySelector("p").textContent = text;
  fragment.querySelector(".buttons").append(
    ...offered.map(({ label, text: sentence }) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = label;
      button.addEventListener("click", () => write(sentence));
      return button;
    }),
  );
  return fragment;
}
