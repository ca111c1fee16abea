#version 300 es
precision highp float;
uniform vec4 flatColor;
out vec4 pixel;

void main() {
  float cover = 1.0 - smoothstep(0.72, 1.0, length(gl_PointCoord * 2.0 - 1.0));
  if (cover <= 0.0) discard;
  pixel = flatColor * cover;
}
