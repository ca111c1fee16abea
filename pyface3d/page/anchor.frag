#version 300 es
// One texel per vertex: where the photo shows it (u, v) and how well it is seen there (0 to 1).
precision highp float;
precision highp sampler2D;
uniform sampler2D positions;
uniform sampler2D normals;
uniform mat4 photoPose;          // model space to photo, both axes in [0, 1], y down
uniform vec3 photoDirection;     // towards the photo's camera, in model space
out vec4 anchor;

void main() {
  ivec2 texel = ivec2(gl_FragCoord.xy);
  vec2 uv = (photoPose * texelFetch(positions, texel, 0)).xy;
  float facing = dot(texelFetch(normals, texel, 0).xyz, photoDirection);
  float inside = step(0.0, min(min(uv.x, uv.y), min(1.0 - uv.x, 1.0 - uv.y)));
  anchor = vec4(uv, inside * smoothstep(0.12, 0.5, facing), 0.0);
}
