// Figures stand in the page as drawings. Where scripts run, each becomes interactive when it comes into view:
// the numbers behind a mark on pointing at it, and time that can be moved and zoomed. Nothing is evaluated:
// Vega's expressions are interpreted, so the page needs no exception in its content security policy.

const address = document.querySelector("script[data-vega]")?.dataset.vega;
const options = {
  actions: false,
  ast: true,
  defaultStyle: false,
  renderer: "svg",
  tooltip: { disableDefaultStyle: true, theme: "figure" },
};
const NARROWEST = 180;
let library;
let hinted = false;

async function enliven(figure) {
  const place = figure.querySelector(".drawing");
  const drawn = place.querySelector("svg");
  const spec = JSON.parse(figure.querySelector("script.spec").textContent);
  const timed = (spec.params ?? []).some((one) => one.name === "zoom");
  if (timed) fit(spec, place.clientWidth - drawn.viewBox.baseVal.width);
  library ??= import(address);
  const { vegaEmbed } = await library;
  const host = document.createElement("div");
  const { view } = await vegaEmbed(host, spec, options);
  stand(host, drawn, timed);
  place.replaceChildren(host);
  figure.classList.add("live");
  if (timed) place.after(controls(view, figure.querySelector("figcaption")?.textContent ?? ""));
}

// A figure over time is drawn anew for its place, so that the pointer and the scale agree; others are scaled.
function fit(spec, more) {
  for (const plot of spec.vconcat ?? [spec]) plot.width = Math.max(NARROWEST, plot.width + more);
}

// It is as large as the drawing was; title and description of the drawing also name what takes its place.
function stand(host, drawn, timed) {
  const svg = host.querySelector("svg");
  if (!timed) svg.setAttribute("width", drawn.getAttribute("width"));
  svg.removeAttribute("height");
  svg.setAttribute("aria-hidden", "true");
  host.setAttribute("role", "img");
  host.setAttribute("aria-label", drawn.querySelector("title")?.textContent ?? "");
  host.setAttribute("aria-description", drawn.querySelector("desc")?.textContent ?? "");
}

// What the mouse does, for those who have none.
function controls(view, about) {
  const state = view.getState().signals;
  const signal = Object.keys(state).find((name) => /^zoom_(?!tuple|translate|zoom|modify|x$|y$)/.test(name));
  const scale = ["x", "concat_0_x"].find((name) => hasScale(view, name));
  const whole = view.scale(scale).domain().map(Number);
  const group = document.createElement("div");
  group.className = "figure-controls";
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", `Move in time: ${about}`);
  const step = (move) => () => {
    const [from, to] = view.scale(scale).domain().map(Number);
    const next = move(from, to, to - from);
    view.signal(signal, next).runAsync();
  };
  const buttons = [
    ["◀", "Earlier", step((from, to, all) => [from - all / 4, to - all / 4])],
    ["▶", "Later", step((from, to, all) => [from + all / 4, to + all / 4])],
    ["+", "Closer", step((from, to, all) => [from + all / 4, to])],
    ["−", "Wider", step((from, to, all) => [from - all / 3, to])],
    ["All", "All of it", step(() => whole)],
  ];
  for (const [sign, name, act] of buttons) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = sign;
    button.title = name;
    button.setAttribute("aria-label", name);
    button.addEventListener("click", act);
    group.append(button);
  }
  if (!hinted) {
    hinted = true;
    const hint = document.createElement("span");
    hint.textContent = "or drag; Ctrl and wheel to zoom, double-click for all";
    group.append(hint);
  }
  return group;
}

function hasScale(view, name) {
  try {
    return Boolean(view.scale(name));
  } catch {
    return false;
  }
}

function start(entries, seen) {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    seen.unobserve(entry.target);
    // where it fails the drawing stays, and says all that the interactive figure would
    enliven(entry.target).catch(() => entry.target.classList.add("still"));
  }
}

if (address && "IntersectionObserver" in window) {
  const seen = new IntersectionObserver(start, { rootMargin: "100px" });
  for (const figure of document.querySelectorAll("figure.interactive")) seen.observe(figure);
}
