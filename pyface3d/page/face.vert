#version 300 es
// Reads its vertex from the synthesized textures; the index buffer alone says what is drawn.
precision highp float;
precision highp sampler2D;
layout(location = 0) in vec4 tint;       // color without a photo; a: how much of the photo it may take
layout(location = 2) in float skin;      // 1 where the color is that of the person's skin
layout(location = 1) in uint mirror;     // the vertex on the other side of the face
layout(location = 3) in vec2 chartPlace; // in the texture, v down
layout(location = 4) in float onChart;
uniform sampler2D skinTexture;
uniform bool textured;
uniform sampler2D positions;
uniform sampler2D normals;
uniform sampler2D anchors;
uniform vec3 skinColor;
uniform mat4 toClip;
uniform mat3 toView;
uniform float lift;                      // moves lines and points towards the viewer
out vec3 viewNormal;
out vec4 color;
out vec3 ownPhoto;                       // (u, v, weight)
out vec3 mirrorPhoto;
out vec4 baked;
out vec3 place;

const float BLURRED = 5.0;               // level of the texture beside the chart: its tone, without details

ivec2 texelOf(int index, int width) { return ivec2(index % width, index / width); }

void main() {
  int width = textureSize(positions, 0).x;
  ivec2 texel = texelOf(gl_VertexID, width);
  gl_Position = toClip * texelFetch(positions, texel, 0);
  gl_Position.z -= lift * gl_Position.w;
  viewNormal = toView * texelFetch(normals, texel, 0).xyz;
  color = vec4(mix(tint.rgb, skinColor, skin), tint.a);
  place = vec3(chartPlace, onChart);
  baked = vec4(textured ? textureLod(skinTexture, chartPlace, BLURRED).rgb : color.rgb, skin);
  ownPhoto = texelFetch(anchors, texel, 0).xyz;
  mirrorPhoto = texelFetch(anchors, texelOf(int(mirror), width), 0).xyz;
}
