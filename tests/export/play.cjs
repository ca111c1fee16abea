// Loads an animated GLB with three.js in Chromium, plays it, and prints as JSON what moved.
// node play.cjs CHROMIUM FACE.glb MODULES
const { chromium } = require("playwright-core");
const fs = require("fs");
const path = require("path");

const [, , executable, file, modules] = process.argv;
const PAGE = `<script type="importmap">{"imports": {"three": "/three/build/three.module.js"}}</script>
<script type="module">
import * as THREE from "three";
import { GLTFLoader } from "/three/examples/jsm/loaders/GLTFLoader.js";
const renderer = new THREE.WebGLRenderer({ preserveDrawingBuffer: true });
renderer.setSize(320, 240);
document.body.append(renderer.domElement);
new GLTFLoader().load("/face.glb", (gltf) => {
  let face = null;
  gltf.scene.traverse((node) => { if (node.isMesh) face = node; });
  gltf.scene.add(new THREE.HemisphereLight(0xffffff, 0x888888, 3));
  const camera = gltf.cameras[0], mixer = new THREE.AnimationMixer(gltf.scene), clip = gltf.animations[0];
  mixer.clipAction(clip).play();
  const at = (seconds) => {
    mixer.setTime(seconds);
    gltf.scene.updateMatrixWorld(true);
    renderer.render(gltf.scene, camera);
    const gl = renderer.getContext(), pixels = new Uint8Array(320 * 240 * 4);
    gl.readPixels(0, 0, 320, 240, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    let lit = 0;
    for (let i = 0; i < pixels.length; i += 4) lit += pixels[i] + pixels[i + 1] + pixels[i + 2] > 30;
    return { weights: [...face.morphTargetInfluences], position: face.position.toArray(), lit };
  };
  window.told = { names: Object.keys(face.morphTargetDictionary), seconds: clip.duration,
                  first: at(0), last: at(clip.duration * 0.999) };
}, undefined, (error) => { window.told = { error: String(error) }; });
</script>`;

async function main() {
  const browser = await chromium.launch({
    executablePath: executable,
    args: ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"],
  });
  const page = await browser.newPage({ viewport: { width: 400, height: 300 } });
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  await page.route("http://face.test/**", (route) => {
    const wanted = new URL(route.request().url()).pathname;
    if (wanted === "/") return route.fulfill({ contentType: "text/html", body: PAGE });
    if (wanted === "/favicon.ico") return route.fulfill({ status: 204, body: "" });
    const body = fs.readFileSync(wanted === "/face.glb" ? file : path.join(modules, wanted));
    return route.fulfill({ body, contentType: wanted.endsWith(".js") ? "text/javascript" : "model/gltf-binary" });
  });
  await page.goto("http://face.test/");
  await page.waitForFunction(() => window.told, null, { timeout: 120000 });
  console.log(JSON.stringify({ ...(await page.evaluate(() => window.told)), errors }));
  await browser.close();
}

main().catch((error) => { console.error(error); process.exit(1); });
