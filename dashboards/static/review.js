// One item of a review: keys, the clock of "Saved", and leaving only when everything is saved.

const form = document.getElementById("review");
const saved = document.getElementById("saved");
const on = document.getElementById("keys-on");
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const verdicts = { y: "yes", n: "no", s: "skip" };
const grades = { u: "urgent", a: "actionable", t: "not_actionable", b: "benign" };
let open = 0; // requests that have not been answered
let unsent = false; // something was entered that no request holds yet
let failed = false;
let target = null; // where to go once all is saved
let skip = -Infinity; // a key after "g" belongs to the whole application

function say(text) {
  saved.textContent = text;
}

function fail() {
  failed = unsent = true;
  target = null;
}

function leave() {
  if (target && !open && !unsent && !failed) location.assign(target);
}

function go(address) {
  if (!address) return;
  target = address;
  failed = false;
  if (unsent) form.elements.note.dispatchEvent(new Event("change", { bubbles: true }));
  leave();
}

function choose(name, value) {
  for (const one of form.querySelectorAll(`input[name="${name}"]`)) {
    if (one.value !== value) continue;
    one.checked = true;
    one.dispatchEvent(new Event("change", { bubbles: true }));
  }
}

function cycle(fieldset) {
  const choices = [...fieldset.querySelectorAll("input[type=radio]")];
  const now = choices.findIndex((one) => one.checked);
  const next = choices[(now + 1) % choices.length];
  choose(next.name, next.value);
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !on.checked) return;
  if (document.getElementById("keys").open) return;
  const field = event.target.closest("textarea, select, input:not([type=radio])");
  if (field) return;
  const key = event.key;
  const grouped = key.startsWith("Arrow") && event.target.closest("input");
  if (grouped) return; // arrows choose among the radio buttons of a group that has the focus
  if (event.timeStamp - skip < 1500) {
    skip = -Infinity;
    return;
  }
  if (key === "g") skip = event.timeStamp;
  else if (verdicts[key]) choose("fabrication", verdicts[key]);
  else if (grades[key]) choose("significance", form.elements.significance.value === grades[key] ? "" : grades[key]);
  else if (form.querySelector(`[data-cycle="${CSS.escape(key)}"]`)) cycle(form.querySelector(`[data-cycle="${CSS.escape(key)}"]`));
  else if (key === "j" || key === "ArrowRight") go(document.getElementById("next")?.href);
  else if (key === "k" || key === "ArrowLeft") go(document.getElementById("previous")?.href);
  else if (key === "Enter" && !event.target.closest("a, button, summary")) form.requestSubmit();
  else return;
  event.preventDefault();
}

form.addEventListener("input", () => (unsent = true));
form.addEventListener("change", () => (unsent = true)); // may have to wait behind another request
form.addEventListener("htmx:beforeSend", () => {
  open += 1;
  unsent = false;
  failed = false;
  say("Saving …");
});
form.addEventListener("htmx:afterRequest", (event) => {
  open -= 1;
  if (!event.detail.successful) {
    fail();
    const why = event.detail.xhr?.status ? "the server refused it; load the page again" : "the server does not answer";
    say(`Not saved: ${why}. What you entered is still on this page.`);
  }
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target !== saved) return;
  const time = saved.querySelector("time");
  if (!time) return fail(); // refused, with the reason
  time.textContent = clock.format(new Date(time.dateTime));
  time.dataset.local = "";
});
document.addEventListener("htmx:afterSettle", () => leave());
// with a script every change is saved as it is made, so the button only goes on
form.addEventListener("submit", (event) => {
  if (!form.elements.fabrication.value) return; // the server says what is missing
  event.preventDefault();
  go(form.dataset.after);
});
for (const link of document.querySelectorAll("#next, #previous")) {
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(link.href);
  });
}
for (const image of document.querySelectorAll("[data-why]")) {
  const tell = () => image.closest("a").replaceWith(image.dataset.why);
  if (image.complete && !image.naturalWidth) tell();
  else image.addEventListener("error", tell);
}
document.addEventListener("keydown", press);
