// The image of a case on a canvas: zoom, pan and window by mouse, touch and keys. Without this script the page
// shows the same pixels as a picture, with a form for the window.

const MOST = 16;
const LEAST = 0.2;
const STEP = 1.25;

class Viewer {
  constructor(root, form) {
    this.root = root;
    this.form = form;
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.pointers = new Map();
    this.image = root.querySelector("img");
    this.canvas = this.makeCanvas();
    this.tools = this.makeTools();
    this.wanted = 0;
    this.listen();
    const show = () => {
      root.replaceChildren(this.canvas);
      root.after(this.tools);
      form.hidden = true;
      document.getElementById("viewer-keys").hidden = false;
      new ResizeObserver(() => this.draw()).observe(this.canvas);
    };
    if (this.image.complete && this.image.naturalWidth) show();
    else this.image.addEventListener("load", show, { once: true });
  }

  makeCanvas() {
    const canvas = document.createElement("canvas");
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", this.image.alt);
    canvas.setAttribute("aria-describedby", "viewer-keys");
    return canvas;
  }

  makeTools() {
    const tools = document.createElement("div");
    tools.className = "viewer-tools";
    const button = (said, text, act) => {
      const one = document.createElement("button");
      one.type = "button";
      one.textContent = text;
      one.setAttribute("aria-label", said);
      one.addEventListener("click", act);
      tools.append(one);
    };
    button("Zoom in", "+", () => this.zoom(STEP));
    button("Zoom out", "−", () => this.zoom(1 / STEP));
    button("Reset zoom, position and window", "Reset", () => this.reset());
    const low = Number(this.root.dataset.low);
    const high = Number(this.root.dataset.high);
    const span = Math.max(high - low, 1);
    const { centre, width, frame } = this.form.elements;
    this.own = { centre: Number(centre.value), width: Number(width.value) };
    // a step that the first value lies on: a slider rounds what it is given
    this.centre = this.slider(tools, "Window centre", Math.min(low, this.own.centre), Math.max(high, this.own.centre), span / 256, this.own.centre);
    this.width = this.slider(tools, "Window width", span / 256, Math.max(span, this.own.width), span / 256, this.own.width);
    if (frame) this.frame = this.slider(tools, "Frame", 1, Number(frame.max), 1, Number(frame.value));
    return tools;
  }

  slider(tools, name, low, high, step, value) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    const output = document.createElement("output");
    Object.assign(input, { type: "range", min: low, max: high, step: name === "Frame" ? 1 : "any", value });
    input.dataset.step = step;
    const tell = () => (output.textContent = Math.round(Number(input.value)));
    input.addEventListener("input", () => {
      tell();
      this.windowed = this.windowed || name !== "Frame";
      this.load();
    });
    tell();
    label.append(name, input, output);
    tools.append(label);
    return input;
  }

  // The server makes the pixels of a window; the last one asked for is shown.
  load() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      const address = new URL(this.root.dataset.address, location.href);
      const set = (name, value) => (value === null ? address.searchParams.delete(name) : address.searchParams.set(name, value));
      set("centre", this.windowed ? this.centre.value : null);
      set("width", this.windowed ? this.width.value : null);
      if (this.frame) set("frame", this.frame.value);
      const turn = ++this.wanted;
      const next = new Image();
      next.alt = this.image.alt;
      next.addEventListener("load", () => {
        if (turn !== this.wanted) return;
        this.image = next;
        this.draw();
      });
      next.src = address.href;
    }, 120);
  }

  nudge(slider, steps) {
    slider.value = Number(slider.value) + steps * Number(slider.dataset.step);
    slider.dispatchEvent(new Event("input"));
  }

  reset() {
    [this.scale, this.x, this.y] = [1, 0, 0];
    this.draw();
    if (!this.windowed) return;
    this.centre.value = this.own.centre;
    this.width.value = this.own.width;
    for (const one of [this.centre, this.width]) one.dispatchEvent(new Event("input"));
    this.windowed = new URL(this.root.dataset.address, location.href).searchParams.has("centre");
  }

  // Zooms about a point of the canvas, which stays where it is.
  zoom(factor, at = { x: 0, y: 0 }) {
    const scale = Math.min(MOST, Math.max(LEAST, this.scale * factor));
    const change = scale / this.scale;
    this.x = at.x - (at.x - this.x) * change;
    this.y = at.y - (at.y - this.y) * change;
    this.scale = scale;
    this.draw();
  }

  move(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.draw();
  }

  // A point of the window as seen from the middle of the canvas.
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left - box.width / 2, y: event.clientY - box.top - box.height / 2 };
  }

  listen() {
    const canvas = this.canvas;
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? STEP : 1 / STEP, this.place(event));
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, this.place(event));
    });
    canvas.addEventListener("pointermove", (event) => this.dragged(event));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => this.pointers.delete(event.pointerId));
    }
    canvas.addEventListener("dblclick", (event) => this.zoom(STEP * STEP, this.place(event)));
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  dragged(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = this.place(event);
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, now);
    if (!other) {
      this.move(now.x - before.x, now.y - before.y);
      return;
    }
    const far = (one) => Math.hypot(one.x - other.x, one.y - other.y) || 1;
    this.move((now.x - before.x) / 2, (now.y - before.y) / 2);
    this.zoom(far(now) / far(before), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const acts = {
      ArrowLeft: () => this.move(40, 0),
      ArrowRight: () => this.move(-40, 0),
      ArrowUp: () => this.move(0, 40),
      ArrowDown: () => this.move(0, -40),
      "+": () => this.zoom(STEP),
      "=": () => this.zoom(STEP),
      "-": () => this.zoom(1 / STEP),
      "0": () => this.reset(),
      "[": () => this.nudge(this.width, -8),
      "]": () => this.nudge(this.width, 8),
      "{": () => this.nudge(this.centre, -8),
      "}": () => this.nudge(this.centre, 8),
    };
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  draw() {
    const { clientWidth, clientHeight } = this.canvas;
    const fine = devicePixelRatio || 1;
    this.canvas.width = Math.round(clientWidth * fine);
    this.canvas.height = Math.round(clientHeight * fine);
    const pen = this.canvas.getContext("2d");
    const { naturalWidth: w, naturalHeight: h } = this.image;
    const fit = Math.min(clientWidth / w, clientHeight / h) * this.scale;
    pen.setTransform(fine, 0, 0, fine, this.canvas.width / 2, this.canvas.height / 2);
    pen.imageSmoothingEnabled = fit * fine < 2; // beyond that one wants to see pixels
    pen.drawImage(this.image, this.x - (w * fit) / 2, this.y - (h * fit) / 2, w * fit, h * fit);
  }
}

const root = document.querySelector("[data-viewer]");
const form = document.querySelector("[data-window]");
if (root && form) new Viewer(root, form);
