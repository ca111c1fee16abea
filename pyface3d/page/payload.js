// Reads the arrays that the page carries: one deflated block in base64, described by a table.

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
