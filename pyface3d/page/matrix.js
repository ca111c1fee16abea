// 4x4 matrices as column-major arrays of 16, the order in which WebGL takes them.

function multiply(a, b) {
  const out = new Float32Array(16);
  for (let column = 0; column < 4; ++column) {
    for (let row = 0; row < 4; ++row) {
      let sum = 0;
      for (let k = 0; k < 4; ++k) sum += a[k * 4 + row] * b[column * 4 + k];
      out[column * 4 + row] = sum;
    }
  }
  return out;
}

function fromRows(rows) {
  const out = new Float32Array(16);
  rows.forEach((row, r) => row.forEach((value, c) => { out[c * 4 + r] = value; }));
  if (rows.length === 3) out[15] = 1;
  return out;
}

// First about the vertical axis (yaw), then about the horizontal one (pitch), both in radians.
function turn(yaw, pitch) {
  const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
  return fromRows([[cy, 0, sy, 0], [sp * sy, cp, -sp * cy, 0], [-cp * sy, sp, cp * cy, 0]]);
}

function translation(x, y, z) {
  return fromRows([[1, 0, 0, x], [0, 1, 0, y], [0, 0, 1, z]]);
}

// A lens with vertical angle `angle`; `aspect` = width / height.
function perspective(angle, aspect, near, far) {
  const focal = 1 / Math.tan(angle / 2);
  return fromRows([
    [focal / Math.max(aspect, 0.001), 0, 0, 0],
    [0, focal, 0, 0],
    [0, 0, (near + far) / (near - far), (2 * near * far) / (near - far)],
    [0, 0, -1, 0],
  ]);
}

// The rotation in the upper left 3x3, its rows scaled to length one, for normals.
function rotationOf(matrix) {
  const out = new Float32Array(9);
  for (let row = 0; row < 3; ++row) {
    const length = Math.hypot(matrix[row], matrix[row + 4], matrix[row + 8]) || 1;
    for (let column = 0; column < 3; ++column) out[column * 3 + row] = matrix[column * 4 + row] / length;
  }
  return out;
}
