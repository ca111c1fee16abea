#version 300 es
// Covers the render target with one triangle, so that a fragment shader runs once per texel, that is once per vertex.
void main() {
  gl_Position = vec4(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0, 0.0, 1.0);
}
