// Mesh files of the face as it stands on the screen, in the model's own unit.

function meshOf(renderer, face, model) {
  const { positions, normals, anchors } = renderer.readBack(face);
  const count = model.vertexCount;
  const mesh = {
    positions: new Float32Array(count * 3),
    normals: new Float32Array(count * 3),
    uv: new Float32Array(count * 2),
    triangles: model.triangles,
  };
  for (let i = 0; i < count; ++i) {
    for (let c = 0; c < 3; ++c) {
      mesh.positions[i * 3 + c] = positions[i * 4 + c] * model.unitScale + model.center[c];
      mesh.normals[i * 3 + c] = normals[i * 4 + c];
    }
    mesh.uv[i * 2] = anchors[i * 4];
    mesh.uv[i * 2 + 1] = anchors[i * 4 + 1];
  }
  return mesh;
}

function toObj(mesh, title) {
  const lines = [`# ${title}`];
  const n = mesh.positions.length / 3;
  const at = (values, i, size) => Array.from(values.subarray(i * size, i * size + size), (x) => x.toFixed(5)).join(" ");
  for (let i = 0; i < n; ++i) lines.push(`v ${at(mesh.positions, i, 3)}`);
  for (let i = 0; i < n; ++i) lines.push(`vt ${mesh.uv[i * 2].toFixed(5)} ${(1 - mesh.uv[i * 2 + 1]).toFixed(5)}`);
  for (let i = 0; i < n; ++i) lines.push(`vn ${at(mesh.normals, i, 3)}`);
  for (let i = 0; i < mesh.triangles.length; i += 3) {
    const corner = (k) => { const v = mesh.triangles[i + k] + 1; return `${v}/${v}/${v}`; };
    lines.push(`f ${corner(0)} ${corner(1)} ${corner(2)}`);
  }
  return new Blob([lines.join("\n"), "\n"], { type: "model/obj" });
}

// glTF 2.0 binary; `photo` (JPEG or PNG bytes with their type) becomes the texture. glTF counts in meters.
function toGlb(mesh, title, metersPerUnit, photo) {
  const positions = mesh.positions.map((x) => x * metersPerUnit);
  const parts = [
    { data: positions, target: 34962, type: "VEC3", component: 5126, ...boundsOf(positions) },
    { data: mesh.normals, target: 34962, type: "VEC3", component: 5126 },
    { data: mesh.uv, target: 34962, type: "VEC2", component: 5126 },
    { data: Uint32Array.from(mesh.triangles), target: 34963, type: "SCALAR", component: 5125 },
  ];
  const sizes = { VEC3: 3, VEC2: 2, SCALAR: 1 };
  const views = [];
  const chunks = [];
  let offset = 0;
  const append = (bytes, target) => {
    views.push({ buffer: 0, byteOffset: offset, byteLength: bytes.byteLength, ...(target && { target }) });
    const padded = new Uint8Array(Math.ceil(bytes.byteLength / 4) * 4);
    padded.set(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    chunks.push(padded);
    offset += padded.byteLength;
  };
  for (const part of parts) append(part.data, part.target);
  const material = { pbrMetallicRoughness: { metallicFactor: 0, roughnessFactor: 0.8 }, doubleSided: true };
  const gltf = {
    asset: { version: "2.0", generator: "pyface3d" },
    scene: 0,
    scenes: [{ nodes: [0] }],
    nodes: [{ mesh: 0, name: title }],
    meshes: [{ primitives: [{ attributes: { POSITION: 0, NORMAL: 1, TEXCOORD_0: 2 }, indices: 3, material: 0 }] }],
    materials: [material],
    accessors: parts.map(({ data, type, component, min, max }, i) => ({
      bufferView: i, componentType: component, count: data.length / sizes[type], type, ...(min && { min, max }),
    })),
  };
  if (photo) {
    append(photo.bytes);
    gltf.images = [{ bufferView: views.length - 1, mimeType: photo.type }];
    gltf.samplers = [{ wrapS: 33071, wrapT: 33071 }];
    gltf.textures = [{ source: 0, sampler: 0 }];
    material.pbrMetallicRoughness.baseColorTexture = { index: 0 };
  }
  gltf.bufferViews = views;
  gltf.buffers = [{ byteLength: offset }];
  let json = new TextEncoder().encode(JSON.stringify(gltf));
  const spaces = new Uint8Array(Math.ceil(json.length / 4) * 4).fill(0x20);
  spaces.set(json);
  json = spaces;
  const header = Uint32Array.of(0x46546c67, 2, 12 + 8 + json.length + 8 + offset, json.length, 0x4e4f534a);
  return new Blob([header, json, Uint32Array.of(offset, 0x004e4942), ...chunks], { type: "model/gltf-binary" });
}

function boundsOf(positions) {
  const min = [Infinity, Infinity, Infinity];
  const max = [-Infinity, -Infinity, -Infinity];
  positions.forEach((value, i) => {
    min[i % 3] = Math.min(min[i % 3], value);
    max[i % 3] = Math.max(max[i % 3], value);
  });
  return { min, max };
}

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
