// Reads what the page carries: arrays in one deflated block in base64, described by a table; the model and faces made of them.

async function readPayload() {
  const scene = JSON.parse(document.getElementById("scene").textContent);
  const bytes = await inflate(fromBase64(document.getElementById("arrays").textContent.trim()));
  const arrays = {};
  for (const entry of scene.arrays) {
    arrays[entry.name] = readArray(bytes.subarray(entry.start, entry.start + entry.bytes), entry);
  }
  return { scene, arrays };
}

function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; ++i) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// The bytes of each number lie apart (all first bytes, then all second ones): that deflates better.
function readArray(planes, entry) {
  const types = { int16: Int16Array, int32: Int32Array, float32: Float32Array, uint8: Uint8Array };
  const Type = types[entry.dtype];
  const size = Type.BYTES_PER_ELEMENT;
  const length = planes.length / size;
  const bytes = new Uint8Array(planes.length);
  for (let plane = 0; plane < size; ++plane) {
    const source = planes.subarray(plane * length, (plane + 1) * length);
    for (let i = 0; i < length; ++i) bytes[i * size + plane] = source[i];
  }
  return { values: new Type(bytes.buffer), scale: entry.scale, shape: entry.shape };
}

function modelOf(scene, arrays) {
  const model = {
    ...scene.model,
    mean: arrays.mean,
    basis: arrays.basis,
    triangles: Uint32Array.from(arrays.triangles.values),
    mirror: arrays.mirror.values,
    landmarkCorners: arrays.landmarkCorners.values,
    landmarkWeights: arrays.landmarkWeights.values,
    places: arrays.places && arrays.places.values,
    onChart: arrays.onChart && arrays.onChart.values,
    tint: arrays.tint.values,
    skin: arrays.skin.values,
  };
  model.vertexCount = arrays.mean.shape[0];
  model.modeCount = model.modes.length;
  return model;
}

async function facesOf(scene, arrays) {
  const photos = await Promise.all(scene.photos.map(async (photo) => ({ ...photo, element: await pictureOf(photo.source) })));
  const textures = await Promise.all(scene.faces.map((face) => face.texture && pictureOf(face.texture)));
  return scene.faces.map((face, i) => ({
    ...face,
    texture: textures[i],
    photo: face.photo === null ? null : photos[face.photo],
    residual: face.residual ? arrays[face.residual] : null,
    fitted: face.coefficients,
    coefficients: face.coefficients.slice(),
  }));
}

async function pictureOf(source) {
  const picture = new Image();
  picture.src = source;
  await picture.decode();
  return picture;
}
