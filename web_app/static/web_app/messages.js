// What the page says: at the bottom of the window, or beside the form that it is about.

const toast = document.getElementById("toast");
const text = document.getElementById("toast-text");
const undo = document.getElementById("undo");
const close = document.getElementById("toast-close");

let undoLast = null;

/** Say it until the next message, with a button Undo if `undoing` is a function. */
export function say(message, undoing = null) {
  text.textContent = message;
  undoLast = undoing;
  undo.hidden = !undoing;
  toast.hidden = false;
}

export function sayError(error) {
  if (!("status" in error)) console.error(error);
  say("status" in error ? error.message : "Something went wrong in this page. Load it again.");
}

/** Call the function; say its error if it raises one. */
export async function trying(work) {
  try {
    return await work();
  } catch (error) {
    return sayError(error);
  }
}

/**
 * Call the function, with the value of the button, when the form is submitted or another button of it is pressed:
 * one call at a time. Say its error in the form.
 */
export function onSubmit(form, work, { isRepeatable = false } = {}) {
  const problem = form.querySelector("[role=alert]");
  async function run(button) {
    if (form.ariaBusy === "true" && !isRepeatable) return;
    form.ariaBusy = "true";
    problem.textContent = "";
    try {
      await work(button?.value);
    } catch (error) {
      if (!("status" in error)) console.error(error);
      problem.textContent = error.message;
    } finally {
      form.ariaBusy = "false";
    }
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run(event.submitter);
  });
  for (const button of form.querySelectorAll("button[type=button][value]")) {
    button.addEventListener("click", () => run(button));
  }
}

function undoNow() {
  const undoing = undoLast;
  toast.hidden = true;
  undoLast = null;
  if (undoing) trying(undoing);
}

undo.addEventListener("click", undoNow);
close.addEventListener("click", () => {
  toast.hidden = true;
});
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, textarea, select, dialog");
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && undoLast && !isTyping) {
    event.preventDefault();
    undoNow();
  }
});
