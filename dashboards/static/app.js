// What every page does beyond plain HTML: times in the reader's zone, light and dark, keys.

const form = new Intl.DateTimeFormat(navigator.language, { dateStyle: "medium", timeStyle: "short" });

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

const PLACES = { f: "/", a: "/alerts", c: "/cases", r: "/reviews", d: "/decisions", p: "/reports", j: "/jobs" };
let going = false;

function keys(event) {
  const writes = event.target.closest("input, textarea, select, [contenteditable]");
  if (writes || event.ctrlKey || event.metaKey || event.altKey) return;
  if (going) {
    going = false;
    const link = PLACES[event.key] && document.querySelector(`nav a[href="${PLACES[event.key]}"]`);
    if (link) link.click();
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

for (const one of document.querySelectorAll("[data-submit]")) {
  one.addEventListener("change", () => one.form.requestSubmit());
}
// a form that changes something is sent once, however often its button is pressed
for (const one of document.querySelectorAll('form[method="post"]:not([hx-post])')) {
  one.addEventListener("submit", (event) => {
    if (one.dataset.sent) event.preventDefault();
    one.dataset.sent = "yes";
    setTimeout(() => delete one.dataset.sent, 5000);
  });
}
document.addEventListener("keydown", keys);
document.addEventListener("htmx:afterSwap", (event) => rewriteTimes(event.target));
rewriteTimes(document);
offerTheme();
