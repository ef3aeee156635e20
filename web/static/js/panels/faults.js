// The menu of an account at the built-in sandbox: what may be broken there, to see what vigil does then.
import { html } from "../html.js";
import { confirmFault } from "../dialog.js";
import { icon } from "../icons.js";
import { choices } from "../store.js";

/** The button that shows and hides the menu `id`. */
export const Opener = ({ account, id, isOpen, toggle }) => html`<button type="button" class="small" aria-expanded=${isOpen} aria-controls=${isOpen ? id : undefined}
  onClick=${toggle}>Break it…<span class="only-read"> ${account}</span> ${icon("chevron", isOpen ? "turned" : "")}</button>`;

export const Menu = ({ account, id }) => html`<div id=${id} class="faults" role="group" aria-label=${`What to break of ${account}`}>
  <p>An exchange on this machine, with play money: break it, and see what happens.</p>
  ${choices.value.map((choice) => html`<button key=${choice.kind} type="button" class=${choice.mends ? "small main" : "small"} title=${choice.text}
    onClick=${() => confirmFault(choice, account)}>${choice.label}<span class="only-read"> of ${account}</span></button>`)}
</div>`;
