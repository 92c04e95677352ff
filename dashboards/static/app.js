// What every page does beyond plain HTML: times in the reader's zone, light and dark, keys.

// one way to write a day on every page, whichever country the browser thinks of: 6 Jul 2026, 05:00
const form = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

function rewriteTimes(root) {
  for (const one of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const moment = new Date(one.dateTime);
    if (Number.isNaN(moment.valueOf())) continue;
    one.title = one.textContent;
    one.textContent = form.format(moment);
    one.dataset.local = "";
  }
}

function offerTheme() {
  const button = document.getElementById("theme");
  if (!button) return;
  const root = document.documentElement;
  const dark = () =>
    root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const name = () => (button.textContent = dark() ? "Light" : "Dark");
  button.hidden = false;
  name();
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
    name();
  });
}

const PLACES = { f: "/", c: "/cases", r: "/reviews", a: "/alerts", d: "/decisions", p: "/reports", t: "/thresholds", j: "/jobs" };
let going = false;

function linkTo(place) {
  return document.querySelector(`nav a[href="${place}"]`);
}

function keys(event) {
  const writes = event.target.closest("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");
  if (writes || event.ctrlKey || event.metaKey || event.altKey || !single?.checked) return;
  if (event.key === "?") {
    list.open ? list.close() : list.showModal();
    return;
  }
  if (list.open) return;
  if (going) {
    going = false;
    if (PLACES[event.key]) linkTo(PLACES[event.key])?.click();
    return;
  }
  if (event.key === "g") {
    going = true;
    setTimeout(() => (going = false), 1500);
  }
  if (event.key === "/") {
    const find = document.querySelector("[data-find]");
    if (find) {
      event.preventDefault();
      find.focus();
    }
  }
}

// the list of keys: those of the page stand in it already, those to the pages that the reader may see are added
const list = document.getElementById("keys");
const single = document.getElementById("keys-on");

function offerKeys() {
  if (!list) return;
  const terms = list.querySelector("dl");
  for (const [key, place] of Object.entries(PLACES)) {
    const link = linkTo(place);
    if (!link) continue;
    const [term, said] = [document.createElement("dt"), document.createElement("dd")];
    for (const one of ["g", key]) term.append(Object.assign(document.createElement("kbd"), { textContent: one }), " ");
    said.textContent = `to ${link.textContent}`;
    terms.append(term, said);
  }
  single.checked = localStorage.getItem("keys") !== "off";
  single.addEventListener("change", () => localStorage.setItem("keys", single.checked ? "on" : "off"));
  document.getElementById("keys-close").addEventListener("click", () => list.close());
  for (const one of document.querySelectorAll("#ask-keys, [data-keys]")) {
    one.hidden = false;
    one.addEventListener("click", () => list.showModal());
  }
}

// who chooses with the arrow keys passes values that they do not want, so only a pointer's choice is sent at once
for (const one of document.querySelectorAll("[data-submit]")) {
  let byKeys = true;
  one.addEventListener("pointerdown", () => (byKeys = false));
  one.addEventListener("keydown", () => (byKeys = true));
  one.addEventListener("change", () => byKeys || one.form.requestSubmit());
}
// a form that changes something is sent once, however often its button is pressed
for (const one of document.querySelectorAll('form[method="post"]:not([hx-post])')) {
  one.addEventListener("submit", (event) => {
    if (one.dataset.sent) event.preventDefault();
    one.dataset.sent = "yes";
    setTimeout(() => delete one.dataset.sent, 5000);
  });
}
// on a phone the tabs scroll: the one that is open is in view
const tab = document.querySelector(".tabs [aria-current]");
if (tab) tab.closest(".tabs").scrollLeft = tab.offsetLeft - tab.closest(".tabs").offsetLeft - 40;
document.addEventListener("keydown", keys);
document.addEventListener("htmx:afterSwap", (event) => rewriteTimes(event.target));
rewriteTimes(document);
offerTheme();
offerKeys();
