#version 300 es
// One texel per vertex: position = rest + sum_k coefficient_k * basis_k, over the modes that are not zero.
precision highp float;
precision highp sampler2D;
precision highp sampler2DArray;
uniform sampler2D rest;          // mean shape plus what the face model cannot express
uniform sampler2DArray basis;    // one half-float layer per mode
uniform vec2 modes[128];         // (layer, coefficient)
uniform int modeCount;
out vec4 position;

void main() {
  ivec2 texel = ivec2(gl_FragCoord.xy);
  vec3 sum = texelFetch(rest, texel, 0).xyz;
  for (int i = 0; i < modeCount; ++i) sum += modes[i].y * texelFetch(basis, ivec3(texel, int(modes[i].x)), 0).xyz;
  position = vec4(sum, 1.0);
}
