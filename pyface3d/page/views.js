// The two kinds of picture on the page: a face that can be turned, and the photo with the face laid over it.

const LENS = 0.36; // vertical angle in radians; long, as portrait photographers like it

const RELIEF = 0.4; // of the page's own light on a texture: forms show where the photo's light is even

class Orbit {
  constructor(face) {
    this.open(face);
  }

  // Starts on the side that the photo of the face shows.
  open(face) {
    this.home = openingYaw(face);
    this.reset();
  }

  reset() {
    [this.yaw, this.pitch, this.zoom] = [this.home, 0.06, 1];
  }

  turnBy(yaw, pitch) {
    this.yaw = Math.atan2(Math.sin(this.yaw + yaw), Math.cos(this.yaw + yaw));
    this.pitch = Math.min(1.4, Math.max(-1.4, this.pitch + pitch));
  }

  zoomBy(factor) {
    this.zoom = Math.min(6, Math.max(0.4, this.zoom * factor));
  }

  camera({ focus, radius }, aspect) {
    const fit = (1.06 * radius) / Math.tan(LENS / 2) / Math.min(1, aspect);
    const distance = fit / this.zoom;
    const centered = multiply(turn(this.yaw, this.pitch), translation(-focus[0], -focus[1], -focus[2]));
    const view = multiply(translation(0, 0, -distance), centered);
    const near = Math.max(0.1, distance - 3 * radius);
    return { toClip: multiply(perspective(LENS, aspect, near, distance + 3 * radius), view), toView: rotationOf(view) };
  }

  describe() {
    const degrees = Math.round((this.yaw * 180) / Math.PI);
    const up = Math.round((this.pitch * 180) / Math.PI);
    const side = degrees === 0 ? "from the front" : `turned ${Math.abs(degrees)} degrees to the ${degrees > 0 ? "right" : "left"}`;
    return `${side}, ${up === 0 ? "level" : `${Math.abs(up)} degrees from ${up > 0 ? "above" : "below"}`}`;
  }
}

// Towards the photo's camera, in model space. The photo's y points down: x cross y points away from the camera.
function photoDirection([x, y]) {
  const direction = [x[2] * y[1] - x[1] * y[2], x[0] * y[2] - x[2] * y[0], x[1] * y[0] - x[0] * y[1]];
  const length = Math.hypot(...direction) || 1;
  return direction.map((value) => value / length);
}

// Most of the photo's own turn: what the photo hides stays out of sight, yet the face has depth.
function openingYaw(face) {
  if (!face.pose || !face.photo) return 0.35;
  const [x, , z] = photoDirection(face.pose);
  const yaw = 0.8 * Math.atan2(-x, z);
  return Math.sign(yaw || 1) * Math.min(1, Math.max(0.2, Math.abs(yaw)));
}

// Sizes a canvas to the pixels it covers on the screen and returns its 2D context, cleared.
function prepare(canvas) {
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  const width = Math.max(1, Math.round(canvas.clientWidth * ratio));
  const height = Math.max(1, Math.round(canvas.clientHeight * ratio));
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  return context;
}

function drawFace(renderer, canvas, face, orbit, style) {
  const context = prepare(canvas);
  const { width, height } = canvas;
  const camera = orbit.camera(renderer.model, width / height);
  context.drawImage(renderer.draw(face, camera, { ...style, opacity: 1, relief: RELIEF, scale: width / canvas.clientWidth }, width, height), 0, 0);
}

// The fitted pose is affine: x and y in photo pixels, larger z nearer.
function photoCamera(face) {
  const [x, y, z] = face.pose;
  const { width, height } = face.photo;
  const rows = [
    x.map((value, i) => (value * 2) / width + (i === 3 ? 1 / width - 1 : 0)),
    y.map((value, i) => (value * -2) / height - (i === 3 ? 1 / height - 1 : 0)),
    z.map((value, i) => (i === 3 ? 0 : (-value * 2) / (width + height))),
  ];
  return { toClip: fromRows(rows), toView: rotationOf(fromRows([x, y.map((value) => -value), z])) };
}

// The photo, and right of `wipe` (0 to 1) the face over it.
function drawOverlay(renderer, canvas, face, style, wipe) {
  const context = prepare(canvas);
  context.drawImage(face.photo.element, 0, 0, canvas.width, canvas.height);
  if (style) {
    const scale = canvas.width / canvas.clientWidth;
    const picture = renderer.draw(face, photoCamera(face), { ...style, scale }, canvas.width, canvas.height);
    const left = Math.round(wipe * canvas.width);
    const width = canvas.width - left;
    if (width) context.drawImage(picture, left, 0, width, canvas.height, left, 0, width, canvas.height);
    context.fillStyle = "#ffffffcc";
    if (left && width) context.fillRect(left - scale, 0, 2 * scale, canvas.height);
  }
}

// Mouse, touch (one finger turns, two zoom), wheel and keyboard all move the same orbit.
function steer(canvas, orbit, changed) {
  const fingers = new Map();
  let spread = 0;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    spread = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const last = fingers.get(event.pointerId);
    if (!last) return;
    const here = [event.clientX, event.clientY];
    fingers.set(event.pointerId, here);
    if (fingers.size === 1) {
      orbit.turnBy((here[0] - last[0]) * 0.01, (here[1] - last[1]) * 0.01);
    } else {
      const [a, b] = [...fingers.values()];
      const distance = Math.hypot(a[0] - b[0], a[1] - b[1]);
      if (spread) orbit.zoomBy(distance / spread);
      spread = distance;
    }
    changed();
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, (event) => { fingers.delete(event.pointerId); spread = 0; });
  }
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    orbit.zoomBy(Math.exp(-event.deltaY * 0.0012));
    changed();
  }, { passive: false });
  canvas.addEventListener("dblclick", () => { orbit.reset(); changed(); });
  const keys = {
    ArrowLeft: () => orbit.turnBy(-0.1, 0), ArrowRight: () => orbit.turnBy(0.1, 0),
    ArrowUp: () => orbit.turnBy(0, -0.1), ArrowDown: () => orbit.turnBy(0, 0.1),
    "+": () => orbit.zoomBy(1.15), "=": () => orbit.zoomBy(1.15), "-": () => orbit.zoomBy(1 / 1.15),
    Home: () => orbit.reset(),
  };
  canvas.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    keys[event.key]();
    changed();
  });
}
