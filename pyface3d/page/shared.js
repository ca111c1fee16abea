// What every face shares, uploaded once: the basis, the triangles around each vertex, and what is drawn of the mesh.

const TEXEL_WIDTH = 256;

class Shared {
  constructor(gl, model) {
    Object.assign(this, { gl, model });
    this.height = Math.ceil((model.vertexCount + 1) / TEXEL_WIDTH);
    this.basis = this.uploadBasis();
    this.uploadRing();
    this.parts = {
      surface: this.indexed(model.triangles, gl.TRIANGLES),
      wire: this.indexed(edgesOf(model.triangles, model.skin), gl.LINES),
      landmarks: this.points(),
    };
  }

  uploadBasis() {
    const { gl, model } = this;
    const texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, texture);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.texStorage3D(gl.TEXTURE_2D_ARRAY, 1, gl.RGB16F, TEXEL_WIDTH, this.height, Math.max(1, model.modeCount));
    const layer = new Float32Array(TEXEL_WIDTH * this.height * 3);
    for (let k = 0; k < model.modeCount; ++k) {
      const start = k * model.vertexCount * 3;
      for (let i = 0; i < model.vertexCount * 3; ++i) layer[i] = model.basis.values[start + i] * model.basis.scale;
      gl.texSubImage3D(gl.TEXTURE_2D_ARRAY, 0, 0, 0, k, TEXEL_WIDTH, this.height, 1, gl.RGB, gl.FLOAT, layer);
    }
    nearest(gl, gl.TEXTURE_2D_ARRAY);
    return texture;
  }

  // For each vertex the two other corners of every triangle around it, grouped by a counting sort.
  uploadRing() {
    const { vertexCount, triangles } = this.model;
    const starts = new Uint32Array(TEXEL_WIDTH * this.height);
    for (const vertex of triangles) starts[vertex + 1] += 1;
    for (let i = 1; i <= vertexCount; ++i) starts[i] += starts[i - 1];
    const width = 1024;
    const height = Math.ceil(triangles.length / width);
    const pairs = new Uint32Array(width * height * 2);
    const next = starts.slice();
    for (let i = 0; i < triangles.length; ++i) {
      const corner = i % 3;
      const entry = next[triangles[i]]++;
      pairs[entry * 2] = triangles[i - corner + ((corner + 1) % 3)];
      pairs[entry * 2 + 1] = triangles[i - corner + ((corner + 2) % 3)];
    }
    const { gl } = this;
    this.ringStarts = texture2D(gl, gl.R32UI, TEXEL_WIDTH, this.height, gl.RED_INTEGER, gl.UNSIGNED_INT, starts);
    this.ring = texture2D(gl, gl.RG32UI, width, height, gl.RG_INTEGER, gl.UNSIGNED_INT, pairs);
  }

  indexed(indices, primitive) {
    const { gl, model } = this;
    const array = gl.createVertexArray();
    gl.bindVertexArray(array);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, indices, gl.STATIC_DRAW);
    this.attribute(0, model.tint);
    gl.vertexAttribPointer(0, 4, gl.UNSIGNED_BYTE, true, 0, 0);
    this.attribute(1, Uint32Array.from(model.mirror));
    gl.vertexAttribIPointer(1, 1, gl.UNSIGNED_INT, 0, 0);
    this.attribute(2, model.skin);
    gl.vertexAttribPointer(2, 1, gl.UNSIGNED_BYTE, false, 0, 0);
    if (model.places) {
      this.attribute(3, model.places);
      gl.vertexAttribPointer(3, 2, gl.SHORT, true, 0, 0);
      this.attribute(4, model.onChart);
      gl.vertexAttribPointer(4, 1, gl.UNSIGNED_BYTE, false, 0, 0);
    }
    gl.bindVertexArray(null);
    return { array, primitive, count: indices.length };
  }

  // The landmarks, each between three vertices.
  points() {
    const { gl, model } = this;
    const array = gl.createVertexArray();
    gl.bindVertexArray(array);
    this.attribute(0, Uint32Array.from(model.landmarkCorners));
    gl.vertexAttribIPointer(0, 3, gl.UNSIGNED_INT, 0, 0);
    this.attribute(1, model.landmarkWeights);
    gl.vertexAttribPointer(1, 3, gl.FLOAT, false, 0, 0);
    gl.bindVertexArray(null);
    return { array, count: model.landmarkWeights.length / 3 };
  }

  attribute(location, values) {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(location);
  }
}
