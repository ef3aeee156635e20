// The one way to give an order: a dialog that says what will happen, and then what did.
import { html, signal, useEffect, useRef } from "./html.js";
import { tell } from "./api.js";
import { toast } from "./store.js";

const WORDS = {
  reconcile: {
    label: "Reconcile",
    text: "What the exchange says by REST is compared with the ledger now, and what is missing is written. The stream stays open.",
  },
  restart: {
    label: "Restart",
    text: "The stream is closed and opened anew, and the poller with it. The account is not live until it has been reconciled.",
  },
  pause: {
    label: "Pause",
    text: "The stream is closed and no call is made until you resume, across restarts of the daemon too. What happens meanwhile is fetched afterwards.",
    isGrave: true,
  },
  resume: { label: "Resume", text: "The stream is opened again and the time of the pause is reconciled." },
  reset: {
    label: "Reset",
    text: "Failures are forgotten, secrets are looked up anew, and it is tried at once. This is the way out of held.",
  },
};

const asked = signal(null); // {title, target, text, label, isGrave, said, word, body}
const progress = signal({ isBusy: false, error: null });

export const label = (word) => WORDS[word].label;

/** Ask whether to do this. */
export function confirm(word, target) {
  const order = WORDS[word];
  ask({ ...order, title: order.label, target, word, body: { target }, said: `${order.label} of ${target} is on its way.` });
}

/** Ask whether to break, or to mend, this at the sandbox; `choice` is a row of `faults`. */
export function confirmFault({ kind, label, text, mends }, target) {
  ask({ label, text, isGrave: !mends, title: `${label}:`, target, word: "fault", body: { target, kind }, said: `${label}: done to ${target}.` });
}

function ask(order) {
  progress.value = { isBusy: false, error: null };
  asked.value = order;
}

async function go() {
  const { word, body, said } = asked.value;
  progress.value = { isBusy: true, error: null };
  try {
    await tell(word, body);
    asked.value = null;
    say(said);
  } catch (trouble) {
    progress.value = { isBusy: false, error: trouble.message };
  }
}

let leaving = 0;

/** A word at the foot of the page, for a moment. */
export function say(text) {
  toast.value = text;
  clearTimeout(leaving);
  leaving = setTimeout(() => {
    toast.value = null;
  }, 5000);
}

/** The browser's own dialog keeps the focus inside, ends with Escape, and gives the focus back. */
export function Dialog() {
  const element = useRef(null);
  const open = asked.value;
  useEffect(() => {
    if (open && !element.current.open) element.current.showModal();
    if (!open && element.current.open) element.current.close();
  }, [open]);
  const { isBusy, error } = progress.value;
  return html`<dialog ref=${element} aria-labelledby="dialog-title" aria-describedby="dialog-text" onClose=${() => (asked.value = null)}>
    ${open && html`<h2 id="dialog-title">${open.title} <em>${open.target}</em>?</h2>
    <p id="dialog-text">${open.text}</p>
    ${error && html`<p class="trouble" role="alert">${error}</p>`}
    <div class="choices">
      <button type="button" onClick=${() => (asked.value = null)}>Cancel</button>
      <button type="button" class=${open.isGrave ? "grave" : "main"} disabled=${isBusy} onClick=${go}>
        ${isBusy ? "Asking…" : error ? "Try again" : open.label}
      </button>
    </div>`}
  </dialog>`;
}

export const Toast = () => html`<div class="toast" role="status">${toast.value && html`<p>${toast.value}</p>`}</div>`;
