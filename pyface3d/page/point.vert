#version 300 es
// One landmark: a point between three vertices of the synthesized face.
precision highp float;
precision highp sampler2D;
layout(location = 0) in uvec3 corners;
layout(location = 1) in vec3 weights;
uniform sampler2D positions;
uniform mat4 toClip;
uniform float lift;                      // moves points towards the viewer
uniform float pointSize;

ivec2 texelOf(uint index, int width) { return ivec2(int(index) % width, int(index) / width); }

void main() {
  int width = textureSize(positions, 0).x;
  vec3 place = vec3(0.0);
  for (int k = 0; k < 3; ++k) place += weights[k] * texelFetch(positions, texelOf(corners[k], width), 0).xyz;
  gl_Position = toClip * vec4(place, 1.0);
  gl_Position.z -= lift * gl_Position.w;
  gl_PointSize = pointSize;
}
