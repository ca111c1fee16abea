// Puts the page together: makes the renderer, connects the controls.

const byId = (id) => document.getElementById(id);

class Page {
  constructor(scene, model, faces, renderer) {
    Object.assign(this, { scene, model, faces, renderer });
    this.orbit = new Orbit(faces[0]);
    this.style = { surface: faces.some((face) => face.photo) ? "photo" : "clay", wire: false, landmarks: false };
    this.overlay = "face";
    this.wipe = 0.5;
    this.compare = false;
    this.buildSliders();
    this.buildToolbar();
    this.buildGallery();
    this.show(faces[0]);
    new ResizeObserver(() => this.draw()).observe(byId("views"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  // --- what is on show

  show(face) {
    this.face = face;
    this.orbit.open(face);
    byId("face-title").textContent = face.method ? `${face.title} · ${face.method}` : face.title;
    const peers = this.peers();
    byId("compare").hidden = peers.length < 2;
    if (peers.length < 2) this.compare = false;
    byId("photo").hidden = !(face.photo && face.pose);
    if (face.photo) byId("overlay").style.aspectRatio = `${face.photo.width} / ${face.photo.height}`;
    byId("attributes").replaceChildren(...(face.attributes ? attributeBars(face.attributes) : []));
    byId("tab-attributes").hidden = !face.attributes;
    for (const button of document.querySelectorAll("#gallery button")) {
      button.setAttribute("aria-pressed", Number(button.dataset.face) === this.faces.indexOf(face));
    }
    this.buildViews();
    this.update();
  }

  // The same person as other methods see them.
  peers() {
    return this.faces.filter((face) => face.subject === this.face.subject);
  }

  buildViews() {
    const shown = this.compare ? this.peers() : [this.face];
    this.views = shown.map((face) => {
      const canvas = element("canvas", { tabindex: 0, role: "img" });
      steer(canvas, this.orbit, () => this.draw());
      return { face, canvas };
    });
    byId("views").replaceChildren(...this.views.map(({ face, canvas }) => element(
      "figure", {}, canvas, this.compare ? element("figcaption", {}, face.method || face.title) : "",
    )));
    byId("views").dataset.count = shown.length;
  }

  // --- drawing, at most once per frame

  draw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.drawNow();
    });
  }

  drawNow() {
    const style = this.colors();
    for (const { face, canvas } of this.views) {
      if (this.compare && face !== this.face) this.follow(face);
      drawFace(this.renderer, canvas, face, this.orbit, style);
      canvas.setAttribute("aria-label", `3D face of ${face.title}, ${this.orbit.describe()}. Arrow keys turn, plus and minus zoom.`);
    }
    if (!byId("photo").hidden) {
      const overlays = {
        face: { surface: "photo", opacity: 1 },
        wire: { wire: [0.28, 0.28, 0.28, 0.28], opacity: 1 },
        surface: { surface: "clay", opacity: 0.75 },
        landmarks: { landmarks: [0.2, 0.9, 0.65, 1], landmarksInFront: true, opacity: 1 },
        none: null,
      };
      drawOverlay(this.renderer, byId("overlay"), this.face, overlays[this.overlay], this.wipe);
    }
  }

  colors() {
    const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
    const ink = dark ? [0.5, 0.5, 0.5, 0.5] : [0.02, 0.05, 0.08, 0.42];
    const { surface, wire, landmarks } = this.style;
    return { surface, wire: wire && ink, landmarks: landmarks && [0.1, 0.72, 0.56, 1] };
  }

  // In a comparison a slider moves every face by the same amount.
  follow(face) {
    face.coefficients = face.fitted.map((value, k) => value + this.face.coefficients[k] - this.face.fitted[k]);
  }

  update() {
    this.sliders.forEach((group) => group.update());
    this.updateParameters();
    this.draw();
  }

  updateParameters() {
    byId("parameter-rows").replaceChildren(...parameterRows(this.face, this.model));
  }

  // --- controls

  buildSliders() {
    const read = (k) => this.face.coefficients[k];
    const write = (k, value) => {
      this.face.coefficients[k] = value;
      this.updateParameters();
      this.draw();
    };
    const groups = { expression: [], identity: [] };
    this.model.modes.forEach((mode, index) => {
      const label = mode.kind === "identity" ? `Identity ${index + 1}` : readable(mode.name);
      groups[mode.kind].push({ index, label, min: mode.min, max: mode.max, unit: mode.kind === "identity" ? " standard deviations" : "" });
    });
    this.sliders = Object.entries(groups).map(([kind, modes]) => {
      const group = sliders(modes, read, write);
      byId(`${kind}-sliders`).append(...group.nodes);
      return group;
    });
    const change = (setter) => () => { this.face.coefficients = this.face.coefficients.map(setter); this.update(); };
    const { modes } = this.model;
    byId("restore").onclick = change((_, k) => this.face.fitted[k]);
    byId("neutral").onclick = change((value, k) => (modes[k].kind === "expression" ? 0 : value));
    byId("mean").onclick = change((value, k) => (modes[k].kind === "identity" ? 0 : value));
    byId("another").onclick = change((value, k) => (modes[k].kind === "identity" ? gaussian() : value));
    tabs(byId("tabs"), ["expression", "identity", "attributes", "parameters"].map((id) => (
      { id, title: id.charAt(0).toUpperCase() + id.slice(1), panel: byId(`panel-${id}`) }
    )).filter(({ id }) => id === "attributes" || id === "parameters" || groups[id].length));
  }

  buildToolbar() {
    const pick = (group, chosen, write) => {
      for (const input of document.querySelectorAll(`input[name=${group}]`)) {
        input.checked = input.value === chosen;
        input.onchange = () => { write(input.value); this.draw(); };
      }
    };
    pick("surface", this.style.surface, (value) => { this.style.surface = value === "none" ? null : value; });
    pick("overlay-style", this.overlay, (value) => { this.overlay = value; });
    byId("wipe").oninput = () => { this.wipe = byId("wipe").value / 100; this.draw(); };
    byId("landmarks").title = this.model.landmarkSet;
    const toggle = (id, act) => {
      byId(id).onclick = () => {
        const on = byId(id).getAttribute("aria-pressed") !== "true";
        byId(id).setAttribute("aria-pressed", on);
        act(on);
        this.draw();
      };
    };
    toggle("wire", (on) => { this.style.wire = on; });
    toggle("landmarks", (on) => { this.style.landmarks = on; });
    toggle("compare", (on) => { this.compare = on; this.buildViews(); });
    byId("reset-view").onclick = () => { this.orbit.reset(); this.draw(); };
    byId("download-obj").onclick = () => this.save("obj");
    byId("download-glb").onclick = () => this.save("glb");
    byId("theme").onclick = () => {
      const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
      document.documentElement.dataset.theme = dark ? "light" : "dark";
      this.draw();
    };
    if (!this.faces.some((face) => face.photo)) byId("surface-photo").parentElement.hidden = true;
  }

  async save(kind) {
    const { face, model } = this;
    const mesh = meshOf(this.renderer, face, model);
    const name = face.title.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "") || "face";
    if (kind === "obj") return download(toObj(mesh, face.title), `${name}.obj`);
    const photo = face.photo && { type: face.photo.type, bytes: fromBase64(face.photo.source.split(",")[1]) };
    return download(toGlb(mesh, face.title, model.metersPerUnit, photo), `${name}.glb`);
  }

  // Thumbnails are drawn when they come into sight.
  buildGallery() {
    if (this.faces.length < 2) return;
    byId("gallery").hidden = false;
    const watcher = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        watcher.unobserve(target);
        const face = this.faces[target.parentElement.dataset.face];
        const style = { surface: face.photo ? "photo" : "clay" };
        drawFace(this.renderer, target, { ...face, coefficients: face.fitted }, new Orbit(face), style);
      }
    });
    this.faces.forEach((face, i) => {
      const canvas = element("canvas", { "aria-hidden": true });
      byId("gallery").append(element("button", {
        "data-face": i, onclick: () => { this.show(face); byId("stage").scrollIntoView({ block: "nearest" }); },
      }, canvas, element("span", {}, face.title), element("small", {}, face.method)));
      watcher.observe(canvas);
    });
  }
}

function gaussian() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}

async function start() {
  try {
    const { scene, arrays } = await readPayload();
    const model = modelOf(scene, arrays);
    const renderer = new Renderer(model, SHADERS);
    const page = new Page(scene, model, await facesOf(scene, arrays), renderer);
    page.drawNow();
    document.body.dataset.ready = "yes";
  } catch (error) {
    byId("why").textContent = error.message;
    document.body.dataset.ready = "no";
  }
}

start();
