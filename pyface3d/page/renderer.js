// Draws faces with WebGL2. Positions and normals are synthesized from coefficients into textures, one texel per vertex;
// drawing reads them by vertex number. One renderer serves every view: it draws off screen, views copy the picture.

const SURFACES = { clay: 0, photo: 1, normals: 2 };

class Renderer {
  constructor(model, shaders) {
    this.canvas = document.createElement("canvas");
    const gl = this.canvas.getContext("webgl2", { antialias: true, alpha: true, premultipliedAlpha: true });
    if (!gl || !gl.getExtension("EXT_color_buffer_float")) throw new Error("This browser has no WebGL2.");
    this.gl = gl;
    this.model = model;
    this.shared = new Shared(gl, model);
    this.programs = {};
    for (const name of ["synthesize", "normals", "anchor"]) {
      this.programs[name] = new Program(gl, shaders["square.vert"], shaders[`${name}.frag`]);
    }
    this.programs.point = new Program(gl, shaders["point.vert"], shaders["point.frag"]);
    this.programs.face = new Program(gl, shaders["face.vert"], shaders["face.frag"]);
    this.noFaces = gl.createVertexArray();
    this.states = new Map();
  }

  // --- what each face has: its rest shape, its textures, its photo

  state(face) {
    let state = this.states.get(face);
    if (state) this.states.delete(face); // moves to the end: the first one is the longest unused
    else state = this.newState(face);
    this.states.set(face, state);
    if (this.states.size > 12) {
      const [oldest, old] = this.states.entries().next().value;
      for (const texture of old.textures) this.gl.deleteTexture(texture);
      this.states.delete(oldest);
    }
    return state;
  }

  newState(face) {
    const { gl, model } = this;
    const rest = new Float32Array(TEXEL_WIDTH * this.shared.height * 4);
    const residual = face.residual;
    for (let i = 0; i < model.vertexCount; ++i) {
      for (let c = 0; c < 3; ++c) {
        const extra = residual ? residual.values[i * 3 + c] * residual.scale : 0;
        rest[i * 4 + c] = model.mean.values[i * 3 + c] * model.mean.scale + extra;
      }
    }
    const state = { drawn: null };
    state.rest = texture2D(gl, gl.RGBA32F, TEXEL_WIDTH, this.shared.height, gl.RGBA, gl.FLOAT, rest);
    for (const name of ["positions", "normals", "anchors"]) {
      state[name] = texture2D(gl, gl.RGBA32F, TEXEL_WIDTH, this.shared.height, gl.RGBA, gl.FLOAT, null);
    }
    state.photo = this.uploadPhoto(face.photo && face.photo.element);
    state.texture = this.uploadPhoto(face.texture);
    state.textures = [state.rest, state.positions, state.normals, state.anchors, state.photo, state.texture];
    this.synthesize(state, face.fitted);
    if (face.pose) this.anchor(state, face);
    return state;
  }

  uploadPhoto(element) {
    const { gl } = this;
    if (!element) return texture2D(gl, gl.RGBA8, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array([200, 180, 170, 255]));
    const texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, element);
    gl.generateMipmap(gl.TEXTURE_2D);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
    return texture;
  }

  synthesize(state, coefficients) {
    const modes = [];
    coefficients.forEach((value, k) => { if (value) modes.push(k, value); });
    this.fill(this.programs.synthesize, state.positions, (program) => {
      program.texture("rest", state.rest).texture("basis", this.shared.basis, this.gl.TEXTURE_2D_ARRAY);
      if (modes.length) this.gl.uniform2fv(program.at("modes"), modes);
      this.gl.uniform1i(program.at("modeCount"), modes.length / 2);
    });
    this.fill(this.programs.normals, state.normals, (program) => {
      program.texture("positions", state.positions);
      program.texture("ringStarts", this.shared.ringStarts).texture("ring", this.shared.ring);
    });
    state.drawn = coefficients.join();
  }

  anchor(state, face) {
    const [x, y] = [face.pose[0], face.pose[1]];
    const { width, height } = face.photo;
    this.fill(this.programs.anchor, state.anchors, (program) => {
      program.texture("positions", state.positions).texture("normals", state.normals);
      const unit = [row(x, width), row(y, height), [0, 0, 0, 0]];
      this.gl.uniformMatrix4fv(program.at("photoPose"), false, fromRows(unit));
      this.gl.uniform3fv(program.at("photoDirection"), photoDirection(face.pose));
    });
    function row(values, size) { return values.map((value, i) => (value + (i === 3 ? 0.5 : 0)) / size); }
  }

  // Runs a program once per texel of `target`.
  fill(program, target, setUniforms) {
    const { gl } = this;
    this.frame = this.frame || gl.createFramebuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.frame);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, target, 0);
    gl.viewport(0, 0, TEXEL_WIDTH, this.shared.height);
    gl.disable(gl.DEPTH_TEST);
    gl.disable(gl.BLEND);
    program.use();
    setUniforms(program);
    gl.bindVertexArray(this.noFaces);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  }

  // --- drawing

  // camera: {toClip, toView}; style: {surface, opacity, wire, landmarks, scale}. Returns the canvas to copy from.
  draw(face, camera, style, width, height) {
    const { gl, canvas } = this;
    const state = this.state(face);
    if (state.drawn !== face.coefficients.join()) this.synthesize(state, face.coefficients);
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.DEPTH_TEST);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    const program = this.programs.face;
    program.use();
    program.texture("positions", state.positions).texture("normals", state.normals);
    program.texture("anchors", state.anchors).texture("photo", state.photo);
    program.texture("skinTexture", state.texture);
    gl.uniform1i(program.at("textured"), Boolean(face.texture));
    gl.uniform1f(program.at("relief"), style.relief || 0);
    gl.uniformMatrix4fv(program.at("toClip"), false, camera.toClip);
    gl.uniformMatrix3fv(program.at("toView"), false, camera.toView);
    gl.uniform1f(program.at("opacity"), style.opacity);
    gl.uniform3fv(program.at("skinColor"), face.skin);
    gl.colorMask(...Array(4).fill(Boolean(style.surface))); // an unseen surface still hides the lines behind it
    this.part("surface", SURFACES[style.surface || "clay"], 0, [0, 0, 0, 0]);
    gl.colorMask(true, true, true, true);
    if (style.wire) this.part("wire", 3, 0.0006, style.wire);
    if (style.landmarks) {
      if (style.landmarksInFront) gl.disable(gl.DEPTH_TEST);
      this.drawPoints(state, camera, style);
    }
    return canvas;
  }

  drawPoints(state, camera, style) {
    const { gl } = this;
    const program = this.programs.point;
    program.use();
    program.texture("positions", state.positions);
    gl.uniformMatrix4fv(program.at("toClip"), false, camera.toClip);
    gl.uniform1f(program.at("lift"), 0.004);
    gl.uniform1f(program.at("pointSize"), 7 * style.scale);
    gl.uniform4fv(program.at("flatColor"), style.landmarks);
    gl.bindVertexArray(this.shared.parts.landmarks.array);
    gl.drawArrays(gl.POINTS, 0, this.shared.parts.landmarks.count);
  }

  part(name, surface, lift, color) {
    const { gl } = this;
    const program = this.programs.face;
    const part = this.shared.parts[name];
    gl.uniform1i(program.at("surface"), surface);
    gl.uniform1f(program.at("lift"), lift);
    gl.uniform4fv(program.at("flatColor"), color);
    gl.bindVertexArray(part.array);
    gl.drawElements(part.primitive, part.count, gl.UNSIGNED_INT, 0);
  }

  // Reads back what the shaders made: {positions, normals, anchors} with four numbers per vertex.
  readBack(face) {
    const { gl } = this;
    const state = this.state(face);
    if (state.drawn !== face.coefficients.join()) this.synthesize(state, face.coefficients);
    const out = {};
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.frame);
    for (const name of ["positions", "normals", "anchors"]) {
      gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, state[name], 0);
      out[name] = new Float32Array(TEXEL_WIDTH * this.shared.height * 4);
      gl.readPixels(0, 0, TEXEL_WIDTH, this.shared.height, gl.RGBA, gl.FLOAT, out[name]);
    }
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    return out;
  }
}
