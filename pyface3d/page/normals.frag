#version 300 es
// One texel per vertex: the area-weighted normal of the triangles around it.
precision highp float;
precision highp sampler2D;
precision highp usampler2D;
uniform sampler2D positions;
uniform usampler2D ringStarts;   // first entry of each vertex in `ring`; one more texel closes the last
uniform usampler2D ring;         // per corner: the other two vertices of its triangle, in order
out vec4 normal;

ivec2 texelOf(uint index, int width) { return ivec2(int(index) % width, int(index) / width); }

void main() {
  int width = textureSize(positions, 0).x;
  uint vertex = uint(gl_FragCoord.y) * uint(width) + uint(gl_FragCoord.x);
  int ringWidth = textureSize(ring, 0).x;
  uint first = texelFetch(ringStarts, texelOf(vertex, width), 0).x;
  uint last = texelFetch(ringStarts, texelOf(vertex + 1u, width), 0).x;
  vec3 here = texelFetch(positions, texelOf(vertex, width), 0).xyz;
  vec3 sum = vec3(0.0);
  for (uint i = first; i < last; ++i) {
    uvec2 pair = texelFetch(ring, texelOf(i, ringWidth), 0).xy;
    vec3 a = texelFetch(positions, texelOf(pair.x, width), 0).xyz - here;
    vec3 b = texelFetch(positions, texelOf(pair.y, width), 0).xyz - here;
    sum += cross(a, b);
  }
  normal = vec4(dot(sum, sum) > 0.0 ? normalize(sum) : vec3(0.0, 0.0, 1.0), 0.0);
}
