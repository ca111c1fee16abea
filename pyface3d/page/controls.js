// Sliders, bars and read-outs beside the pictures.

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

// "browDown_L" reads "Brow down, left".
function readable(name) {
  const side = { L: ", left", R: ", right" };
  const [stem, end] = name.split(/_(?=[LR]$)/);
  const words = stem.replace(/([a-z])([A-Z])/g, "$1 $2").replace(/_/g, " ").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1) + (end ? side[end] : "");
}

// One slider per mode; `read` and `write` reach the coefficient of the face on show.
function sliders(modes, read, write) {
  const rows = modes.map((mode) => {
    const id = `mode-${mode.index}`;
    const value = element("output", { for: id });
    const input = element("input", {
      id, type: "range", min: mode.min, max: mode.max, step: 0.01, "data-mode": mode.index,
      oninput: () => { write(mode.index, Number(input.value)); show(); },
      ondblclick: () => { write(mode.index, 0); update(); },
    });
    const show = () => {
      const number = Number(input.value);
      value.textContent = number.toFixed(2);
      input.setAttribute("aria-valuetext", `${number.toFixed(2)}${mode.unit}`);
      const part = (x) => (100 * (x - mode.min)) / (mode.max - mode.min);
      const [from, to] = [part(Math.min(0, number)), part(Math.max(0, number))];
      input.style.setProperty("--from", `${from}%`);
      input.style.setProperty("--to", `${to}%`);
    };
    const update = () => { input.value = read(mode.index); show(); };
    return { node: element("div", { class: "slider" }, element("label", { for: id }, mode.label), input, value), update };
  });
  return { nodes: rows.map((row) => row.node), update: () => rows.forEach((row) => row.update()) };
}

// Probabilities as bars, the most certain first.
function attributeBars(attributes) {
  const entries = Object.entries(attributes).filter(([, value]) => value !== null).sort((a, b) => b[1] - a[1]);
  return entries.map(([name, probability]) => {
    const percent = Math.round(100 * probability);
    const bar = element("div", {
      class: "bar", role: "meter", "aria-label": readable(name), "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": percent,
    });
    bar.style.setProperty("--part", `${percent}%`);
    return element("div", { class: "attribute" }, element("span", {}, readable(name)), bar, element("span", {}, `${percent} %`));
  });
}

// Rows of a definition table: the facts that came with the face, then the coefficients as they stand.
function parameterRows(face, model) {
  const row = (name, value) => element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, value));
  const rows = Object.entries(face.facts || {}).map(([name, value]) => row(name, String(value)));
  if (model.landmarkSet) rows.push(row("landmarks", model.landmarkSet));
  const list = (from, to) => face.coefficients.slice(from, to).map((x) => x.toFixed(2)).join("  ");
  if (model.identityCount) rows.push(row("identity", list(0, model.identityCount)));
  if (model.modeCount > model.identityCount) rows.push(row("expression", list(model.identityCount, model.modeCount)));
  return rows;
}

// Tabs as the ARIA practices describe them: arrow keys move, the others leave the list.
function tabs(list, panels) {
  const buttons = panels.map(({ id, title, panel }) => {
    const button = element("button", { role: "tab", id: `tab-${id}`, "aria-controls": panel.id, onclick: () => choose(id) }, title);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", button.id);
    list.append(button);
    return { id, button, panel };
  });
  function choose(id) {
    for (const tab of buttons) {
      const chosen = tab.id === id;
      tab.button.setAttribute("aria-selected", chosen);
      tab.button.tabIndex = chosen ? 0 : -1;
      tab.panel.hidden = !chosen;
    }
  }
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const now = buttons.findIndex(({ button }) => button === document.activeElement);
    const next = buttons[(now + step + buttons.length) % buttons.length];
    choose(next.id);
    next.button.focus();
  });
  choose(buttons[0].id);
}
