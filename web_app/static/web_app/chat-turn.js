// What the panel shows of one turn: its steps and text, its questions, and what can be done afterwards.
//
// All text is set as text. What comes from a language model, or from a task, is never markup.

import { call } from "./api.js";
import { refresh } from "./task-list.js";

const READING = new Set(["list_tasks", "get_task", "list_tags", "preview_rule", "why_reminder"]);
const STATES = { started: " …", done: " ✓", refused: ": refused", waiting: ": asks first", not_done: ": not done" };
const WORDS = {
  turn_running: "The assistant is still answering in this conversation. Wait for it, or cancel it.",
  turn_interrupted: "The turn was interrupted. What it had done stays; Retry goes on from there.",
  turn_cancelled: "Cancelled. What had been done before stays.",
  turn_undone: "This turn was undone. Send the message again to have it done.",
};
const FOR_GOOD = new Set(["turn_cancelled", "turn_undone"]);
const MOST_NAMED = 5;
const REASONS = { changed_since: "changed since", gone: "gone", in_use: "in use", name_taken: "its name is taken" };

const messages = document.getElementById("messages");
const template = (name) => document.getElementById(name).content.firstElementChild;

export function showSaid(text) {
  const element = template("said").cloneNode(true);
  element.textContent = text;
  append(element);
}

export function clearMessages(hint = "") {
  messages.replaceChildren();
  if (hint) messages.append(line(hint, "hint"));
}

/** The place of a turn. `onDecided(confirmation)` is called when a question of it has been answered. */
export function turnView(onDecided = () => {}) {
  const element = template("turn").cloneNode(true);
  const [steps, reply, asked, afterwards] = element.children;
  const lines = new Map(); // of the steps, by their calls
  let turn = null;
  let hasChanged = false;

  function step({ call_id, tool, state }) {
    if (!lines.has(call_id)) {
      lines.set(call_id, line("", "step"));
      steps.append(lines.get(call_id));
      if (reply.textContent) reply.append("\n\n"); // what follows is another answer
    }
    lines.get(call_id).textContent = inWords(tool) + STATES[state];
    if (state === "done" && !READING.has(tool)) hasChanged = true;
  }

  function ask(confirmation) {
    const onEnd = (words, isDone) => {
      note(words);
      if (isDone) offerUndo();
      onDecided(confirmation);
    };
    asked.append(questionOf(confirmation, onEnd));
  }

  function note(text) {
    afterwards.append(line(text, "hint"));
    scroll();
  }

  function offerUndo() {
    afterwards.querySelector(".undo")?.remove();
    const undo = button("Undo", async () => {
      undo.disabled = true;
      try {
        const path = `/api/conversations/${turn.conversation_id}/undo`;
        const answer = await call("POST", path, { body: { turn_id: turn.turn_id } });
        undo.remove();
        note(undoneInWords(answer));
        focusMessage();
        await refresh();
      } catch (error) {
        undo.disabled = false;
        note(wordsOf(error));
      }
    });
    undo.className = "undo";
    afterwards.append(undo);
    scroll();
  }

  const handlers = {
    turn(data) {
      turn = data;
    },
    text: ({ text }) => reply.append(text),
    step,
    confirmation: ask,
    done(answer) {
      // The events of a repeat are only these: `turn`, `done`.
      answer.actions.forEach(step);
      if (!asked.hasChildNodes()) answer.confirmations.forEach(ask);
      // Without text of its own, the reply is the words of the questions.
      if (reply.textContent || !answer.confirmations.length) reply.textContent = answer.reply;
      if (hasChanged) offerUndo();
    },
  };

  append(element);
  return {
    /** Show an event of the stream. */
    tell({ name, data }) {
      const wasAtEnd = isAtEnd();
      handlers[name]?.(data);
      if (wasAtEnd) scroll();
    },
    /** The text before an error is void; what was done stays. */
    fail(error, retry) {
      reply.textContent = "";
      const isCutOff = turn && error.status === 0;
      note(isCutOff ? "The connection broke off. The assistant goes on; Retry shows its answer." : wordsOf(error));
      if (hasChanged) offerUndo();
      if (!canRetry(error)) return;
      const again = button("Retry", () => {
        element.remove();
        focusMessage();
        retry();
      });
      afterwards.append(again);
      scroll();
    },
  };
}

/** Whether the same message with the same key may get another answer. */
function canRetry({ status, errors = [] }) {
  return !FOR_GOOD.has(errors[0]?.code) && (status === 0 || status === 409 || status === 429 || status >= 500);
}

function questionOf({ id, words }, onEnd) {
  const element = template("confirmation").cloneNode(true);
  const headlines = words.split("\n").filter((one) => !one.startsWith("- "));
  element.querySelector("p").textContent = words;
  element.querySelector(".allow").textContent = headlines.join(", ");
  async function decide(what) {
    const buttons = element.querySelectorAll("button");
    for (const one of buttons) one.disabled = true;
    try {
      await call("POST", `/api/confirmations/${id}/${what}`);
      end(what === "confirm" ? "Done." : "Not done.", what === "confirm");
    } catch (error) {
      if (error.status === 409 || error.status === 404) return end(wordsOf(error), false);
      element.querySelector("p").textContent = `${words}\n\n${wordsOf(error)}`;
      for (const one of buttons) one.disabled = false;
    }
  }
  function end(text, isDone) {
    element.querySelector(".buttons").remove();
    focusMessage();
    onEnd(text, isDone);
    refresh().catch(() => {}); // the live stream says it too
  }
  element.querySelector(".allow").addEventListener("click", () => decide("confirm"));
  element.querySelector(".decline").addEventListener("click", () => decide("decline"));
  return element;
}

/** `create_tasks` as "Create tasks". */
function inWords(tool) {
  const words = tool.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}

export function wordsOf(error) {
  if (!("status" in error)) {
    console.error(error);
    return "Something went wrong in this page. Load it again.";
  }
  const [{ code, detail } = {}] = error.errors ?? [];
  return WORDS[code] ?? detail ?? error.message;
}

function undoneInWords({ undone, left }) {
  const names = undone.slice(0, MOST_NAMED).map(({ name }) => `“${name}”`);
  if (undone.length > MOST_NAMED) names.push(`${undone.length - MOST_NAMED} more`);
  const kept = left.map(({ name, reason }) => `“${name}” (${REASONS[reason] ?? reason})`);
  return `Undone: ${names.join(", ") || "nothing"}.` + (kept.length ? ` Left as it is: ${kept.join(", ")}.` : "");
}

function line(text, className) {
  const element = document.createElement("p");
  element.className = className;
  element.dir = "auto";
  element.textContent = text;
  return element;
}

function button(text, onPress) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = text;
  element.addEventListener("click", onPress);
  return element;
}

function append(element) {
  messages.querySelector(":scope > .hint")?.remove();
  messages.append(element);
  scroll();
}

const focusMessage = () => document.getElementById("say").elements.message.focus();

const isAtEnd = () => messages.scrollHeight - messages.scrollTop - messages.clientHeight < 40;

function scroll() {
  messages.scrollTop = messages.scrollHeight;
}
