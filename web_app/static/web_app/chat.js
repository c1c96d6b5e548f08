// The panel of the assistant: its conversations, and one message at a time.

import { call, newKey } from "./api.js";
import { turnEvents } from "./chat-stream.js";
import { clearMessages, showSaid, turnView, wordsOf } from "./chat-turn.js";
import { refresh } from "./task-list.js";

const SHOWN_CONVERSATIONS = 20;
const SHOWN_MESSAGES = 100;
const HINT = "Say what is to be done: “add buy milk tomorrow”, “what is due today”, “move everything due today to tomorrow”.";
// Beside the list where there is room for both, else in front of it.
const hasRoom = matchMedia("(min-width: 74rem)");

const panel = document.getElementById("chat");
const opener = document.getElementById("open-chat");
const log = document.getElementById("messages");
const select = document.getElementById("conversation");
const fresh = document.getElementById("new-conversation");
const form = document.getElementById("say");
const field = form.elements.message;
const problem = form.querySelector("[role=alert]");
const send = document.getElementById("send");
const stop = document.getElementById("cancel-turn");

let conversation = null; // its id; null: a new one
let isRunning = false;
let reading = Promise.resolve(); // of the conversation that is to be shown
let visitor = 0; // who signs in next does not get what was asked for before

// What the server does not list: questions that wait, of this tab's turns.
const waiting = {
  all: () => JSON.parse(sessionStorage.getItem("confirmations") ?? "[]"),
  keep: (entries) => sessionStorage.setItem("confirmations", JSON.stringify(entries)),
  add: (turn, asked) => waiting.keep([...waiting.all(), { turn, asked }]),
  remove: ({ id }) => waiting.keep(waiting.all().filter(({ asked }) => asked.id !== id)),
};

export function startChat() {
  opener.addEventListener("click", () => (panel.open ? panel.close() : open()));
  document.getElementById("close-chat").addEventListener("click", () => panel.close());
  panel.addEventListener("close", () => panel.open || opener.focus());
  panel.addEventListener("keydown", (event) => {
    if (event.key === "Escape") panel.close();
  });
  hasRoom.addEventListener("change", () => {
    if (!panel.open) return;
    panel.close();
    show();
  });
  fresh.addEventListener("click", async () => {
    await reading;
    begin();
    field.focus();
  });
  select.addEventListener("change", () => {
    reading = showing(() => read(select.value || null));
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    say();
  });
  stop.addEventListener("click", cancel);
}

export function forgetConversations() {
  visitor += 1;
  sessionStorage.removeItem("confirmations");
  form.reset();
  setRunning(false);
  begin();
  select.replaceChildren();
}

function show() {
  if (hasRoom.matches) panel.show();
  else panel.showModal();
  field.focus();
}

function open() {
  show();
  if (isRunning) return;
  reading = showing(async () => {
    const [newest] = await readList();
    await read(conversation ?? newest?.id ?? null);
  });
}

/** Call the function; say its error above the message's field. */
async function showing(work) {
  problem.textContent = "";
  try {
    await work();
  } catch (error) {
    problem.textContent = wordsOf(error);
  }
}

/** A new conversation, which begins with its first message. */
function begin() {
  conversation = null;
  select.value = "";
  clearMessages(HINT);
}

async function readList() {
  const asker = visitor;
  const { results } = await call("GET", `/api/conversations?page_size=${SHOWN_CONVERSATIONS}`);
  if (asker !== visitor) return [];
  select.replaceChildren(
    new Option("New conversation", ""),
    ...results.map(({ id, title }) => new Option(title || "Without a title", id)),
  );
  select.value = conversation ?? "";
  return results;
}

async function read(id) {
  begin();
  if (!id) return;
  const query = new URLSearchParams({ ordering: "-position", page_size: SHOWN_MESSAGES });
  const asker = visitor;
  const { results } = await call("GET", `/api/conversations/${id}/messages?${query}`);
  if (asker !== visitor || isRunning) return;
  conversation = id;
  select.value = id;
  showMessages(results.reverse());
  for (const { turn, asked } of waiting.all()) {
    if (turn.conversation_id !== id || new Date(asked.expires_at) < new Date()) continue;
    const view = turnView(waiting.remove);
    view.tell({ name: "turn", data: turn });
    view.tell({ name: "confirmation", data: asked });
  }
}

function showMessages(messages) {
  const results = new Map(messages.map(({ tool_call_id, content }) => [tool_call_id, content]));
  let view = null;
  for (const { role, content, tool_calls } of messages) {
    if (role === "user") {
      showSaid(content);
      view = null;
    } else if (role === "assistant") {
      view ??= turnView();
      for (const { id, name } of tool_calls) {
        view.tell({ name: "step", data: { call_id: id, tool: name, state: stateOf(results.get(id)) } });
      }
      view.tell({ name: "text", data: { text: content } });
    }
  }
}

function stateOf(result = "") {
  if (result.startsWith('{"error"')) return "refused";
  return result.startsWith("{") ? "done" : "not_done";
}

/** Say what is in the field, to the conversation that is shown: one that is still being read is waited for. */
async function say() {
  const message = field.value.trim();
  if (isRunning || !message) return;
  const asker = visitor;
  field.value = "";
  await reading;
  if (asker !== visitor) return;
  if (isRunning) {
    field.value ||= message;
    return;
  }
  showSaid(message);
  await run({ message, conversation_id: conversation, key: newKey() });
}

/** Send the message and show its turn. `said` has the key that a retry needs, and the conversation it was sent to. */
async function run(said) {
  const asker = visitor;
  const view = turnView(waiting.remove);
  setRunning(true);
  problem.textContent = "";
  try {
    let turn = null;
    for await (const event of turnEvents(said)) {
      if (asker !== visitor) return;
      if (event.name === "turn") {
        turn = event.data;
        conversation = turn.conversation_id;
        stop.disabled = false;
      }
      if (event.name === "confirmation") waiting.add(turn, event.data);
      view.tell(event);
    }
    refresh().catch(() => {}); // the live stream says it too
  } catch (error) {
    if (asker === visitor) view.fail(error, () => run(said));
  } finally {
    if (asker === visitor) {
      setRunning(false);
      readList().catch(() => {}); // it has a title now
    }
  }
}

function setRunning(isNow) {
  isRunning = isNow;
  log.ariaBusy = String(isNow); // a screen reader reads the answer when it is whole
  send.hidden = isNow;
  stop.hidden = !isNow;
  stop.disabled = !conversation; // a new one has its id with the first event
  select.disabled = isNow;
  fresh.disabled = isNow;
}

/** The stream then ends with an error that says so. */
async function cancel() {
  stop.disabled = true;
  await showing(() => call("POST", `/api/conversations/${conversation}/cancel`));
  stop.disabled = false;
  field.focus();
}
