// A compiled pair of shaders, and the two kinds of WebGL objects that the renderer makes many of.

class Program {
  constructor(gl, vertexSource, fragmentSource) {
    this.gl = gl;
    this.program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, vertexSource], [gl.FRAGMENT_SHADER, fragmentSource]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(this.program, shader);
    }
    gl.linkProgram(this.program);
    if (!gl.getProgramParameter(this.program, gl.LINK_STATUS)) {
      const logs = gl.getAttachedShaders(this.program).map((shader) => gl.getShaderInfoLog(shader));
      throw new Error(`The shaders do not compile here: ${[...logs, gl.getProgramInfoLog(this.program)].join(" ")}`);
    }
    this.locations = {};
    this.units = {};
  }

  use() {
    this.gl.useProgram(this.program);
  }

  at(name) {
    if (!(name in this.locations)) this.locations[name] = this.gl.getUniformLocation(this.program, name);
    return this.locations[name];
  }

  texture(name, texture, kind = this.gl.TEXTURE_2D) {
    const { gl } = this;
    if (!(name in this.units)) this.units[name] = Object.keys(this.units).length;
    gl.activeTexture(gl.TEXTURE0 + this.units[name]);
    gl.bindTexture(kind, texture);
    gl.uniform1i(this.at(name), this.units[name]);
    return this;
  }
}

function texture2D(gl, internal, width, height, format, type, values) {
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  gl.texImage2D(gl.TEXTURE_2D, 0, internal, width, height, 0, format, type, values);
  nearest(gl, gl.TEXTURE_2D);
  return texture;
}

function nearest(gl, kind) {
  for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(kind, filter, gl.NEAREST);
  for (const axis of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(kind, axis, gl.CLAMP_TO_EDGE);
}

// Each edge between vertices of the skin once.
function edgesOf(triangles, skin) {
  const seen = new Set();
  const edges = [];
  for (let i = 0; i < triangles.length; ++i) {
    const a = triangles[i];
    const b = triangles[i % 3 === 2 ? i - 2 : i + 1];
    const key = Math.min(a, b) * skin.length + Math.max(a, b);
    if (skin[a] && skin[b] && !seen.has(key)) {
      seen.add(key);
      edges.push(a, b);
    }
  }
  return Uint32Array.from(edges);
}
